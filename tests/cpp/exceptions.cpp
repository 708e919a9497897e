// The headers with MSB_HPP_EXCEPTIONS, in one program with files that are compiled without exceptions.
#define MSB_HPP_EXCEPTIONS
#include "test.hpp"

TEST(the_value_of_a_failed_result_is_an_exception) {
    test::home home;
    bool caught = false;
    try {
        (void)msb::volume::open(home.backend, "nothing").value();
    } catch (const msb::exception &exception) {
        caught = true;
        CHECK(exception.error().status() == msb::status::not_found && exception.what() == exception.error().message());
        const std::exception copy = exception;
    }
    CHECK(caught);
}

TEST(what_was_made_before_an_exception_is_let_go_of) {
    test::home home;
    try {
        const auto volume = msb::volume::create(home.backend, msb::volume_config("data")).value();
        volume.remove().value();
        (void)volume.read("file").value();
        CHECK(false);
    } catch (const msb::exception &exception) {
        CHECK(exception.error().status() == msb::status::not_found);
    }
    CHECK(msb::live_objects(MSB_KIND_VOLUME) == 0);
}

TEST(success_is_no_exception) {
    test::home home;
    const msb::volume volume = msb::volume::create(home.backend, msb::volume_config("data")).value();
    volume.write("file", "text").value();
    CHECK(volume.read("file").value().text() == "text");
    volume.remove().value();
}
