// Sandboxes, commands and the files of a guest, on the `process` driver.
#include "test.hpp"

#include <atomic>
#include <csignal>
#include <future>
#include <vector>

#include <poll.h>

using namespace std::chrono_literals;
using test::patience;
using test::shell;

TEST(a_sandbox_lives_and_ends) {
    test::home home;
    auto box = MUST(msb::sandbox::create(home.backend, msb::sandbox_config("box").image("/").label("team", "a").env("KEY", "value")));
    CHECK(MUST(box.info()).status() == "Created" && !MUST(box.info()).exit());
    CHECK_FAILS(not_running, box.exec(msb::exec_config("true")));
    MUST(box.start(patience));
    CHECK_FAILS(timeout, box.wait(0s));

    const auto info = MUST(box.info());
    CHECK(info.name() == "box" && info.status() == "Running" && info.driver() == "process" && info.runner_pid() != 0);
    CHECK(info.image() == "/" && info.labels().size() == 1 && info.labels()[0].value == "a" && info.mounts().empty());
    CHECK(info.config().find("KEY") != std::string_view::npos && !info.ephemeral() && info.created_unix_ms() > 0);

    MUST(box.stop(patience));
    const auto end = MUST(box.wait());
    CHECK(end.reason == MSB_EXIT_STOP_REQUESTED && end.clean && MUST(box.info()).exit()->reason == end.reason);
    CHECK(!MUST(box.info()).end_message().empty());
    MUST(box.remove());
    CHECK_FAILS(not_found, msb::sandbox::open(home.backend, "box"));
}

TEST(a_sandbox_that_is_let_go_of_shuts_down) {
    test::home home;
    { const auto box = home.running("box"); }
    auto again = MUST(msb::sandbox::open(home.backend, "box"));
    CHECK(again.wait(patience));
    MUST(again.remove());
}

TEST(kill_and_labels_reach_the_sandbox) {
    test::home home;
    const auto box = home.running("box");
    MUST(box.set_label("stage", "test"));
    CHECK(MUST(box.info()).labels()[0].key == "stage");
    MUST(box.remove_label("stage"));
    CHECK(MUST(box.info()).labels().empty());
    MUST(box.kill(patience));
    CHECK(MUST(box.wait(patience)).reason == MSB_EXIT_KILL_REQUESTED);
    CHECK_FAILS(not_running, box.detach());
    MUST(box.remove());
}

TEST(a_listing_is_a_range_page_after_page) {
    test::home home;
    for (const char *name : {"a-1", "a-2", "a-3", "b-1"})
        MUST(msb::sandbox::create(home.backend, msb::sandbox_config(name).image("/").label("kind", "listed")));
    const auto page = MUST(msb::sandbox::list(home.backend, msb::sandbox_filter().limit(2).status("Created")));
    std::string names;
    for (const auto info : page) names.append(info.name()).append(" ");
    CHECK(names == "a-1 a-2 " && page.size() == 2 && page.next() != nullptr);
    names.clear();
    CHECK(msb::sandbox::each(home.backend, msb::sandbox_filter().limit(1).name_prefix("a-").label("kind", "listed"),
                             [&](msb::sandbox_info_view info) { names.append(info.name()); }));
    CHECK(names == "a-1a-2a-3");
    int looked = 0;
    CHECK(msb::sandbox::each(home.backend, msb::sandbox_filter(), [&](auto) { return ++looked < 2; }));
    CHECK(looked == 2);
    CHECK_FAILS(invalid_argument, msb::sandbox::each(home.backend, msb::sandbox_filter().limit(0), [](auto) {}));
}

TEST(a_command_is_collected) {
    test::home home;
    const auto box = home.running("box");
    const auto run = MUST(box.exec(shell("cat; printf oops >&2; exit 3").input("fed").env("A", "b").cwd("/").timeout(patience)));
    CHECK(run.exit_code() == 3 && run.signal() == 0 && run.out().text() == "fed" && run.err().text() == "oops");
    const auto cut = MUST(box.exec(shell("printf 123456").max_output_bytes(4)));
    CHECK(cut.out().text() == "1234" && cut.out_truncated() && cut.out_total() == 6 && !cut.err_truncated() && cut.err_total() == 0);
    const auto missing = box.exec(msb::exec_config("/no/such/program"));
    CHECK(missing.status() == msb::status::exec_failed && missing.error().reason() == "exec.not_found");
    const auto late = box.exec(shell("printf partly; exec sleep 600").timeout(100ms));
    CHECK(late.status() == msb::status::timeout && late.error().detail("stdout") == "partly");
}

TEST(a_command_streams_both_ways) {
    test::home home;
    const auto box = home.running("box");
    auto cat = MUST(box.exec_start(msb::exec_config("cat").input_pipe()));
    CHECK(cat.pid() != 0);
    char room[64];
    CHECK_FAILS(would_block, cat.read(msb::stream::out, room, 0s));
    MUST(cat.write_all("to and fro", patience));
    std::size_t got = 0;
    while (got < 10) got += MUST(cat.read(msb::stream::out, msb::buffer(room + got, sizeof room - got), patience));
    CHECK(std::string_view(room, got) == "to and fro");
    MUST(cat.close_stdin());
    CHECK(MUST(cat.read(msb::stream::out, room, patience)) == 0);
    const msb::exec_status status = MUST(cat.wait(patience));
    CHECK(status.exit_code == 0 && cat.pid() == 0);
    CHECK_FAILS(invalid_state, cat.write_all("too late", patience));
}

TEST(a_command_is_signalled_and_has_a_terminal) {
    test::home home;
    const auto box = home.running("box");
    const auto sleeper = MUST(box.exec_start(shell("read x; exec sleep 600").tty().rows(24).cols(80).input_pipe()));
    MUST(sleeper.resize(30, 100));
    CHECK_FAILS(timeout, sleeper.wait(1ms));
    MUST(sleeper.signal(SIGKILL));
    CHECK(MUST(sleeper.wait(patience)).signal == SIGKILL);
}

TEST(a_stream_is_taken_as_a_descriptor) {
    test::home home;
    const auto box = home.running("box");
    const auto command = MUST(box.exec_start(shell("printf through")));
    const msb::file_descriptor fd = MUST(command.take_fd(msb::stream::out));
    std::string got;
    char room[16];
    for (;;) {
        pollfd ready{fd.get(), POLLIN, 0};
        if (poll(&ready, 1, 30000) != 1) break;
        const ssize_t n = ::read(fd.get(), room, sizeof room);
        if (n <= 0) break;
        got.append(room, static_cast<std::size_t>(n));
    }
    CHECK(got == "through");
    CHECK_FAILS(invalid_state, command.take_fd(msb::stream::out));
}

// Counts its own destruction, as what a function has captured does.
struct witness {
    explicit witness(std::atomic<int> &counter) : count(&counter) {}
    witness(witness &&other) noexcept : count(std::exchange(other.count, nullptr)) {}
    ~witness() { if (count) ++*count; }
    std::atomic<int> *count;
};

TEST(a_dispatcher_delivers_output_and_end) {
    test::home home;
    std::atomic<int> destroyed{0};
    const auto box = home.running("box");
    const auto dispatcher = MUST(msb::dispatcher::start());
    std::promise<int> ended;
    std::string out, err;
    MUST(MUST(box.exec_start(shell("printf one; printf two >&2; exit 5")))
             .dispatch(dispatcher,
                       [&, kept = witness(destroyed)](msb::stream which, msb::bytes_view data) {
                           (which == msb::stream::out ? out : err).append(data.text());
                       },
                       [&](const msb::exec_status *status) { ended.set_value(status ? status->exit_code : -1); }));
    auto end = ended.get_future();
    CHECK(end.wait_for(patience) == std::future_status::ready && end.get() == 5);
    MUST(dispatcher.stop(patience));
    CHECK(out == "one" && err == "two" && destroyed == 1);
}

TEST(output_nobody_wants_is_thrown_away) {
    test::home home;
    const auto box = home.running("box");
    const auto dispatcher = MUST(msb::dispatcher::start());
    std::promise<void> ended;
    MUST(MUST(box.exec_start(shell("head -c 100000 /dev/zero")))
             .dispatch(dispatcher, nullptr, [&](const msb::exec_status *) { ended.set_value(); }));
    CHECK(ended.get_future().wait_for(patience) == std::future_status::ready);
    MUST(dispatcher.stop(patience));
}

TEST(output_that_is_declined_comes_no_more) {
    test::home home;
    const auto box = home.running("box");
    const auto dispatcher = MUST(msb::dispatcher::start());
    std::promise<void> called;
    std::atomic<int> calls{0}, destroyed{0};
    MUST(MUST(box.exec_start(shell("printf once; cat").input_pipe()))
             .dispatch(dispatcher,
                       [&, kept = witness(destroyed)](msb::stream, msb::bytes_view) {
                           if (++calls == 1) called.set_value();
                           return false;
                       },
                       [](const msb::exec_status *) {}));
    CHECK(called.get_future().wait_for(patience) == std::future_status::ready);
    MUST(dispatcher.stop(patience));
    CHECK(calls == 1 && destroyed == 1);
}

TEST(functions_of_a_refused_dispatch_are_destroyed) {
    std::atomic<int> destroyed{0};
    const auto dispatcher = MUST(msb::dispatcher::start());
    CHECK_FAILS(invalid_argument,
                msb::exec().dispatch(dispatcher, nullptr, [kept = witness(destroyed)](const msb::exec_status *) {}));
    CHECK(destroyed == 1);
    MUST(dispatcher.stop(patience));
}

TEST(files_of_the_guest_are_worked_on) {
    test::home home;
    const auto box = home.running("box");
    const auto fs = box.fs();
    const std::string dir = home.path("guest"), file = dir + "/file", link = dir + "/link", moved = dir + "/moved";
    MUST(fs.mkdir(dir + "/sub", msb::mkdir_flags::parents));
    MUST(fs.write(file, "content", msb::write_flags::atomic, 0600, patience));
    MUST(fs.write(file, "+", msb::write_flags::append));
    CHECK(MUST(fs.read(file)).text() == "content+");
    CHECK(MUST(fs.exists(file)) && !MUST(fs.exists(dir + "/nothing")));
    MUST(fs.chmod(file, 0640));
    MUST(fs.utimes(file, MSB_TIME_KEEP, 1'000'000'000));
    const auto info = MUST(fs.stat(file));
    CHECK(info.size() == 8 && info.mode() == 0640 && info.modified_ns() == 1'000'000'000);
    CHECK(info.kind() == msb::file_kind::regular && info.inode() != 0 && info.nlink() == 1 && info.name() == "file");
    MUST(fs.symlink("file", link));
    CHECK(MUST(fs.readlink(link)).text() == "file" && MUST(fs.stat(link)).kind() == msb::file_kind::symlink);
    CHECK(MUST(fs.stat(link, msb::stat_flags::follow)).size() == 8);
    MUST(fs.copy(file, dir + "/copy"));
    MUST(fs.rename(dir + "/copy", moved));

    int entries = 0;
    CHECK(fs.each(dir, [&](msb::file_info_view) { ++entries; }));
    CHECK(entries == 4 && MUST(fs.list(dir, 0, 1)).size() == 1);

    const auto open = MUST(fs.open(moved, msb::open_flags::read | msb::open_flags::write));
    char room[16];
    CHECK(MUST(open.pread(3, room, patience)) == 5 && std::string_view(room, 5) == "tent+");

    msb::file_progress seen{};
    const auto copied = MUST(box.copy_out(dir, home.path("out"), [&](const msb::file_progress &progress) { seen = progress; }));
    CHECK(copied.bytes == 16 && std::filesystem::exists(home.path("out/moved")));
    CHECK(MUST(box.copy_in(home.path("out"), dir + "/in")).entries == copied.entries);
    MUST(fs.remove(file));
    MUST(fs.remove_dir(dir, msb::remove_flags::recursive));
}

TEST(the_host_is_probed) {
    test::home home;
    const auto report = MUST(msb::probe(home.backend));
    CHECK(!report.checks().empty());
    for (const auto check : report.checks()) CHECK(!check.name.empty() && check.ok == check.reason.empty());
}

TEST(a_backend_tells_what_it_goes_by) {
    test::home home;
    const auto info = MUST(home.backend.info());
    CHECK(info.driver() == "process" && info.home().find("/tmp/msb-cpp-") == 0 && info.registries().empty());
    CHECK(MUST(info.to_json()).text().find("\"driver\"") != std::string_view::npos);
    const auto other = MUST(msb::backend::create(
        msb::backend_config().home(home.path("other")).default_cpus(3).busy_timeout(7s).registry_host("localhost:5000", true)));
    const auto others = MUST(other.info());
    CHECK(others.default_cpus() == 3 && others.busy_timeout_secs() == 7 && others.registries()[0].insecure);
    MUST(other.close(patience));
}
