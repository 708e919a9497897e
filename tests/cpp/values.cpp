// Errors, results, text, bytes, timeouts and configurations: what needs no sandbox.
#include "test.hpp"

#include <array>
#include <vector>

using namespace std::chrono_literals;

template <class T>
constexpr bool is_an_owner = !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
                             std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                             std::is_nothrow_destructible_v<T>;

static_assert(is_an_owner<msb::backend> && is_an_owner<msb::sandbox> && is_an_owner<msb::exec> && is_an_owner<msb::volume>);
static_assert(is_an_owner<msb::file> && is_an_owner<msb::dispatcher> && is_an_owner<msb::queue> && is_an_owner<msb::op<void>>);
static_assert(is_an_owner<msb::backend_config> && is_an_owner<msb::sandbox_config> && is_an_owner<msb::mount_config>);
static_assert(is_an_owner<msb::patch_config>);
static_assert(is_an_owner<msb::exec_config> && is_an_owner<msb::volume_config> && is_an_owner<msb::sandbox_filter>);
static_assert(is_an_owner<msb::volume_filter> && is_an_owner<msb::backend_info> && is_an_owner<msb::sandbox_info>);
static_assert(is_an_owner<msb::volume_info> && is_an_owner<msb::file_info> && is_an_owner<msb::sandbox_page>);
static_assert(is_an_owner<msb::volume_page> && is_an_owner<msb::file_page> && is_an_owner<msb::bytes>);
static_assert(is_an_owner<msb::exec_result> && is_an_owner<msb::probe_report> && is_an_owner<msb::storage_usage>);
static_assert(is_an_owner<msb::fsck_report> && is_an_owner<msb::prune_report> && is_an_owner<msb::file_descriptor>);
static_assert(is_an_owner<msb::result<msb::sandbox>>);
static_assert(std::is_nothrow_move_constructible_v<msb::error> && std::is_copy_constructible_v<msb::error>);
// A handle costs what the C handle costs.
static_assert(sizeof(msb::sandbox) == sizeof(msb_sandbox) && sizeof(msb::bytes) == sizeof(msb_bytes *));
// Handles of different nouns do not mix, and integers are not taken for durations.
static_assert(!std::is_constructible_v<msb::sandbox, msb_volume> && !std::is_convertible_v<int, msb::timeout>);
// "Is it there?" must not be answered with "the call succeeded".
static_assert(!std::is_constructible_v<bool, msb::result<bool>> && std::is_constructible_v<bool, msb::result<int>>);
static_assert(msb::timeout(1500us).ms() == 2 && msb::timeout(0s).ms() == 0 && msb::timeout(-1s).ms() == 0);
static_assert(msb::timeout(std::chrono::hours::max()).ms() == -1 && msb::timeout(0.5s).ms() == 500);
static_assert(msb::forever.ms() == -1);
static_assert(static_cast<std::uint32_t>(msb::open_flags::read | msb::open_flags::create) == (MSB_OPEN_READ | MSB_OPEN_CREATE));

TEST(a_status_has_its_c_name) {
    CHECK(std::string_view(msb::name(msb::status::not_found)) == "MSB_ERR_NOT_FOUND");
    CHECK(std::string_view(msb::name(msb::status::ok)) == "MSB_OK");
}

TEST(versions_of_header_and_library_agree) {
    CHECK(msb::version() == MSB_VERSION_STRING);
    CHECK(msb::abi_version() == MSB_ABI_VERSION);
    CHECK(MUST(msb::build_info()).text().find("\"version\"") != std::string_view::npos);
}

TEST(text_is_passed_on_whole) {
    const std::string long_one(1000, 'x');
    CHECK(std::string_view(msb::text("literal").c_str()) == "literal");
    CHECK(std::string_view(msb::text(std::string("string")).c_str()) == "string");
    CHECK(std::string_view(msb::text(std::string_view("a view of more").substr(0, 6)).c_str()) == "a view");
    CHECK(std::string_view(msb::text(std::string_view(long_one)).c_str()) == long_one);
    CHECK(std::string_view(msb::text(std::string_view(long_one).substr(0, 255)).c_str()) == long_one.substr(0, 255));
    CHECK(std::string_view(msb::text(std::string_view(long_one).substr(0, 256)).c_str()) == long_one.substr(0, 256));
    CHECK(std::string_view(msb::text(std::string_view()).c_str()).empty());
    CHECK(msb::text(static_cast<const char *>(nullptr)).c_str() == nullptr);
}

TEST(terminated_text_is_not_copied) {
    const std::string name = "name";
    CHECK(msb::text(name).c_str() == name.c_str());
    const char *literal = "literal";
    CHECK(msb::text(literal).c_str() == literal);
}

TEST(a_nul_in_text_is_an_error_and_not_an_end) {
    const auto refused = msb::sandbox_config(std::string_view("good\0evil", 9)).image("/");
    CHECK(refused.error().status() == msb::status::invalid_argument);
    CHECK(refused.error().reason() == "argument.nul");
    CHECK(refused.error().message().find("offset 4") != std::string_view::npos);
    test::home home;
    CHECK_FAILS(invalid_argument, msb::sandbox::open(home.backend, std::string("good\0evil", 9)));
    CHECK_FAILS(invalid_argument, msb::sandbox::create(home.backend, refused));
    CHECK_FAILS(invalid_argument, msb::volume::open(home.backend, nullptr));
}

TEST(bytes_come_from_any_container_of_bytes) {
    const std::vector<std::uint8_t> vector{1, 2, 3};
    const std::array<std::byte, 2> array{std::byte{1}, std::byte{2}};
    CHECK(msb::bytes_view(vector).size() == 3 && msb::bytes_view(vector)[2] == std::byte{3});
    CHECK(msb::bytes_view(array).data() == array.data());
    CHECK(msb::bytes_view(std::string("a\0b", 3)).size() == 3);
    CHECK(msb::bytes_view("literal").text() == "literal");
    CHECK(msb::bytes_view().empty() && msb::bytes_view(std::string_view()).text().empty());

    char plain[16];
    std::array<unsigned char, 8> bytes{};
    std::vector<std::byte> room(5);
    CHECK(msb::buffer(plain).size() == 16 && msb::buffer(bytes).size() == 8 && msb::buffer(room).data() == room.data());
    CHECK(msb::buffer(room.data(), 2).size() == 2);
}

static msb::result<int> half(int number) {
    if (number % 2) return msb::error(msb::status::invalid_argument, "test.odd", "it is odd");
    return number / 2;
}

TEST(results_are_chained) {
    CHECK(*half(8).and_then(half).and_then(half) == 1);
    CHECK(half(6).and_then(half).error().reason() == "test.odd");
    CHECK(*half(4).map([](int number) { return std::to_string(number); }) == "2");
    CHECK(half(3).map([](int) { return 0; }).status() == msb::status::invalid_argument);
    CHECK(half(3).value_or(7) == 7 && half(4).value_or(7) == 2);
    CHECK(half(4).value() == 2 && !half(4).error() && half(3).error());
    CHECK(half(4).map([](int) {}).and_then([] { return half(2); }).has_value());
}

TEST(an_error_tells_all_and_outlives_its_call) {
    msb::error kept;
    {
        test::home home;
        kept = msb::sandbox::open(home.backend, "nobody").error();
    }
    const msb::error copy = kept;
    kept = {};
    CHECK(!kept && kept.status() == msb::status::ok && kept.message().empty() && kept.causes().empty());
    CHECK(copy.status() == msb::status::not_found && copy.reason() == "sandbox.not_found");
    CHECK(copy.message().find("nobody") != std::string_view::npos);
    CHECK(copy.detail("sandbox") == "nobody" && copy.detail("no such").empty());
    bool listed = false;
    for (const auto [key, value] : copy.details()) listed = listed || (key == "sandbox" && value == "nobody");
    CHECK(listed && !copy.retryable() && copy.os_errno() == 0);
}

TEST(an_error_of_the_system_has_errno_and_causes) {
    test::home home;
    const auto missing = msb::sandbox::create(home.backend, msb::sandbox_config("box").image("/no/such/root"));
    CHECK(!missing);
    const auto refused = msb::backend::create(msb::backend_config().home("/proc/no-home-here").driver("process"));
    CHECK(!refused && refused.error().os_errno() != 0);
    std::size_t causes = 0;
    for (const auto cause : refused.error().causes()) causes += !cause.empty();
    CHECK(causes == refused.error().causes().size());
}

TEST(a_configuration_keeps_its_first_error) {
    auto config = msb::exec_config("true").rows(0).cols(0);
    const std::string first(config.error().message());
    config.timeout(-1s).arg("x");
    CHECK(!config.is_whole() && config.error().message() == first && first.find("rows") != std::string::npos);
    CHECK(config.to_json().error().message() == first);
    CHECK(msb::exec_config("true").timeout(-1s).error().reason() == "argument.negative");
    test::home home;
    auto box = home.running("box");
    CHECK_FAILS(invalid_argument, box.exec(config));
}

TEST(a_mount_s_error_is_its_sandbox_s) {
    const auto config = msb::sandbox_config("box").mount(msb::mount_config("/data").tmpfs_size_mib(0).tmpfs());
    CHECK(config.error().message().find("tmpfs_size") != std::string_view::npos);
}

TEST(several_texts_are_one_argument) {
    const std::vector<std::string> words{"two", "three"};
    const auto config = msb::sandbox_config("box").entrypoint({"/bin/sh", "-c"}).cmd(words);
    CHECK(MUST(config.to_json()).text().find(R"("cmd":["two","three"],"entrypoint":["/bin/sh","-c"])") != std::string_view::npos);
    CHECK(MUST(msb::sandbox_config("box").cmd({}).to_json()).text().find(R"("cmd":[])") != std::string_view::npos);
    const auto faulty = msb::sandbox_config("box").cmd({"one", std::string_view("t\0wo", 4)});
    CHECK(faulty.error().reason() == "argument.nul");
}

TEST(configurations_pass_through_json) {
    const auto config = msb::sandbox_config("box").image("/").cpus(2).memory_mib(128).env("KEY", "value").label("a", "b")
                            .idle_timeout(90s).mount(msb::mount_config("/data").tmpfs())
                            .patch(msb::patch_config("file", "/etc/key").data("\1\2", 2).mode(0600).uid(1).gid(2).replace());
    const auto json = MUST(config.to_json());
    const auto again = MUST(MUST(msb::sandbox_config::from_json(json.text())).to_json());
    CHECK(json.text() == again.text() && json.text().find("90000") != std::string_view::npos);
    CHECK(json.text().find(R"({"data":[1,2],"gid":2,"mode":384,"op":"file","path":"/etc/key","replace":true,"uid":1})") !=
          std::string_view::npos);
    CHECK(msb::exec_config::from_json("{\"progam\": \"true\"}").error().reason() == "config.unknown_key");
    CHECK(MUST(MUST(msb::backend_config::from_json("{}")).to_json()).text() == "{}");
    CHECK(MUST(MUST(msb::volume_config::from_json("{\"name\": \"v\"}")).quota_mib(3).to_json()).text().find("3") !=
          std::string_view::npos);
}

TEST(ownership_moves_and_can_be_taken) {
    test::home home;
    msb::volume first = MUST(msb::volume::create(home.backend, msb::volume_config("data")));
    msb::volume second = std::move(first);
    CHECK(!first && second);
    msb_volume raw = second.release();
    CHECK(!second && raw.id != 0);
    first = msb::volume(raw);
    CHECK_FAILS(invalid_argument, msb::volume().info());
    CHECK(first.remove());
    first.reset();
    first.reset();
    const msb::volume stale(raw);
    CHECK_FAILS(stale_handle, stale.info());
}
