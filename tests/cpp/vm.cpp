// One virtual machine on QEMU, and everything of it through msb.hpp. MSB_TEST_ROOT is its root directory.
#include "test.hpp"

#include <future>

using test::patience;
using test::shell;

TEST(a_virtual_machine_lives_and_ends) {
    const char *root = std::getenv("MSB_TEST_ROOT");
    CHECK(root != nullptr);
    test::home home("qemu");
    const auto volume = MUST(msb::volume::create(home.backend, msb::volume_config("data").quota_mib(64)));
    MUST(volume.write("input", "from the host"));
    const auto box = MUST(msb::sandbox::create(home.backend, msb::sandbox_config("box").image(root).memory_mib(256).hostname("guest")
                                                                 .mount(msb::mount_config("/data").volume("data"))));
    MUST(box.start());
    CHECK(MUST(box.info()).driver() == "qemu" && MUST(box.info()).mounts()[0].guest_path == "/data");

    const auto run = MUST(box.exec(shell("uname -n; tr a-z A-Z < /data/input > /data/output; exit 3")));
    CHECK(run.out().text() == "guest\n" && run.exit_code() == 3);
    CHECK(MUST(volume.read("output")).text() == "FROM THE HOST");

    const auto cat = MUST(box.exec_start(msb::exec_config("cat").input_pipe()));
    MUST(cat.write_all("through the guest", patience));
    MUST(cat.close_stdin());
    char room[64];
    std::string got;
    while (const auto n = MUST(cat.read(msb::stream::out, room, patience))) got.append(room, n);
    CHECK(got == "through the guest" && MUST(cat.wait(patience)).exit_code == 0);

    const auto dispatcher = MUST(msb::dispatcher::start());
    std::promise<int> ended;
    std::size_t bytes = 0;
    MUST(MUST(box.exec_start(shell("head -c 5000000 /dev/zero; exit 9")))
             .dispatch(dispatcher, [&](msb::stream, msb::bytes_view data) { bytes += data.size(); },
                       [&](const msb::exec_status *status) { ended.set_value(status ? status->exit_code : -1); }));
    auto end = ended.get_future();
    CHECK(end.wait_for(patience) == std::future_status::ready && end.get() == 9 && bytes == 5000000);
    MUST(dispatcher.stop(patience));

    MUST(box.fs().write("/root/note", "private", msb::write_flags::atomic, 0600, patience));
    CHECK(MUST(box.fs().read("/root/note", patience)).text() == "private");
    CHECK(MUST(box.copy_out("/root", home.path("out"), nullptr, patience)).bytes >= 7);

    const auto queue = MUST(msb::queue::create());
    const auto sleeper = MUST(box.exec_async(shell("exec sleep 600"), queue, 1));
    const auto waited = MUST(box.wait_async(queue, 2));
    MUST(sleeper.cancel());
    CHECK(MUST(queue.next(patience))->token == 1);
    CHECK_FAILS(cancelled, sleeper.take());
    MUST(box.stop(patience));
    CHECK(MUST(queue.next(patience))->token == 2 && MUST(waited.take()).clean);
    MUST(box.remove());
    MUST(volume.remove());
}
