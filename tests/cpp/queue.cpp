// Operations that go on by themselves: completions, cancellation, results of every type, a dispatcher.
#include "test.hpp"

#include <atomic>
#include <future>
#include <map>
#include <thread>

#include <fcntl.h>
#include <poll.h>

using namespace std::chrono_literals;
using test::patience;
using test::shell;

// Takes what an operation made, as soon as it is complete.
template <class T>
msb::result<T> finished(const msb::queue &queue, const msb::result<msb::op<T>> &op) {
    if (!op) return op.error();
    const auto next = MUST(queue.next(patience));
    CHECK(next && op->is_of(*next));
    return op->take();
}

TEST(an_operation_completes_with_its_token) {
    test::home home;
    const auto box = home.running("box");
    const auto queue = MUST(msb::queue::create());
    const auto op = MUST(box.exec_async(shell("printf done; exit 4"), queue, 77));
    CHECK(queue.pending() == 1);
    const auto next = MUST(queue.next(patience));
    CHECK(next && next->token == 77 && next->status == MSB_OK && op.is_of(*next) && queue.pending() == 0);
    const auto run = MUST(op.take());
    CHECK(run.exit_code() == 4 && run.out().text() == "done");
    CHECK(op.take().error().reason() == "op.taken");
    CHECK_FAILS(would_block, queue.next(0s));
}

TEST(an_operation_that_runs_has_nothing_to_take) {
    test::home home;
    const auto box = home.running("box");
    const auto queue = MUST(msb::queue::create());
    const auto command = MUST(box.exec_start(shell("cat").input_pipe()));
    const auto wait = MUST(command.wait_async(queue, 1));
    CHECK(wait.take().error().reason() == "op.running");
    CHECK(wait.progress().has_value());
    CHECK_FAILS(timeout, queue.next(1ms));
    MUST(command.close_stdin());
    CHECK(MUST(queue.next(patience)) && MUST(wait.take()).exit_code == 0);
}

TEST(a_cancelled_operation_still_completes) {
    test::home home;
    const auto box = home.running("box");
    const auto queue = MUST(msb::queue::create());
    const auto wait = MUST(box.wait_async(queue, 5));
    MUST(wait.cancel());
    MUST(wait.cancel());
    const auto next = MUST(queue.next(patience));
    CHECK(next && next->token == 5 && next->status == MSB_ERR_CANCELLED);
    CHECK_FAILS(cancelled, wait.take());
    CHECK(MUST(box.info()).status() == "Running");
}

TEST(a_refused_operation_has_no_completion) {
    const auto queue = MUST(msb::queue::create());
    CHECK_FAILS(invalid_argument, msb::sandbox().start_async(queue, 1));
    test::home home;
    CHECK_FAILS(invalid_argument, msb::sandbox::create_async(home.backend, msb::sandbox_config(std::string("a\0b", 3)), queue, 2));
    CHECK(queue.pending() == 0);
    CHECK_FAILS(would_block, queue.next(0s));
    MUST(queue.close(patience));
    CHECK(msb::probe_async(home.backend, queue, 3).error().reason() == "queue.closed");
    CHECK_FAILS(end_of_stream, queue.next(patience));
}

TEST(a_queue_is_polled_and_woken) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    pollfd ready{MUST(queue.fd()), POLLIN, 0};
    CHECK(poll(&ready, 1, 0) == 0);
    MUST(queue.wake());
    CHECK(poll(&ready, 1, 30000) == 1 && !MUST(queue.next(patience)));
    CHECK(poll(&ready, 1, 0) == 0);
    const auto probe = MUST(msb::probe_async(home.backend, queue, 9));
    CHECK(poll(&ready, 1, 30000) == 1);
    msb::completion completions[4];
    CHECK(MUST(queue.next(completions, patience)) == 1 && completions[0].token == 9);
    CHECK(!MUST(probe.take()).checks().empty());
}

TEST(many_waits_need_no_threads_of_the_host) {
    test::home home;
    const auto box = home.running("box");
    const auto queue = MUST(msb::queue::create());
    const auto command = MUST(box.exec_start(shell("cat").input_pipe()));
    std::map<std::uint64_t, msb::op<msb::exec_status>> waits;
    for (std::uint64_t token = 0; token < 100; ++token) waits.emplace(token, MUST(command.wait_async(queue, token)));
    MUST(command.close_stdin());
    msb::completion completions[8];
    while (!waits.empty()) {
        const std::size_t n = MUST(queue.next(completions, patience));
        for (std::size_t i = 0; i < n; ++i) {
            const auto found = waits.find(completions[i].token);
            CHECK(found != waits.end() && MUST(found->second.take()).exit_code == 0);
            waits.erase(found);
        }
    }
}

TEST(a_dispatcher_takes_a_queue_s_completions) {
    test::home home;
    std::promise<std::uint64_t> came;
    const auto dispatcher = MUST(msb::dispatcher::start());
    const auto queue = MUST(msb::queue::create());
    MUST(queue.dispatch(dispatcher, [&](const msb::completion &completion) { came.set_value(completion.token); }));
    CHECK(queue.next(0s).error().reason() == "queue.dispatched");
    const auto usage = MUST(msb::storage_usage::get_async(home.backend, queue, 3));
    auto token = came.get_future();
    CHECK(token.wait_for(patience) == std::future_status::ready && token.get() == 3);
    CHECK(MUST(usage.take()).categories().size() > 0);
    MUST(queue.close(patience));
    MUST(dispatcher.stop(patience));
}

TEST(what_is_made_and_not_taken_is_let_go_of) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    { const auto op = MUST(msb::volume::create_async(home.backend, msb::volume_config("data"), queue, 1)); }
    const auto next = MUST(queue.next(patience));
    CHECK(next && next->status == MSB_OK && next->op.id == 0);
    CHECK(msb::live_objects(MSB_KIND_VOLUME) == 0);
    MUST(MUST(msb::volume::open(home.backend, "data")).remove());
}

TEST(a_sandbox_lives_without_a_call_that_blocks) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    auto backend = MUST(finished(
        queue, msb::backend::create_async(msb::backend_config().home(home.path("own")).driver("process"), queue, 1)));
    const auto box = MUST(finished(queue, msb::sandbox::create_async(backend, msb::sandbox_config("box").image("/"), queue, 2)));
    MUST(finished(queue, box.start_async(queue, 3, patience)));
    const auto cat = MUST(finished(queue, box.exec_start_async(msb::exec_config("cat").input_pipe(), queue, 4)));
    CHECK(MUST(finished(queue, cat.write_async("all of it", queue, 5))) == 9);
    CHECK(MUST(finished(queue, cat.read_async(msb::stream::out, 64, queue, 6))).text() == "all of it");
    MUST(cat.close_stdin());
    CHECK(MUST(finished(queue, cat.wait_async(queue, 7))).exit_code == 0);
    MUST(finished(queue, box.stop_async(patience, queue, 8)));
    CHECK(MUST(finished(queue, box.wait_async(queue, 9))).reason == MSB_EXIT_STOP_REQUESTED);
    MUST(finished(queue, box.start_async(queue, 10)));
    MUST(finished(queue, box.detach_async(queue, 11)));
    MUST(finished(queue, box.kill_async(queue, 12)));
    MUST(finished(queue, box.remove_async(queue, 13)));
    CHECK(MUST(finished(queue, msb::fsck_async(backend, msb::fsck_flags::none, queue, 14))).findings().empty());
    CHECK(MUST(finished(queue, msb::prune_async(backend, msb::prune_flags::dry_run | msb::prune_flags::temporary, queue, 15)))
              .items().empty());
    MUST(finished(queue, backend.close_async(queue, 16)));
}

TEST(files_are_worked_on_without_a_call_that_blocks) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    const auto box = home.running("box");
    const auto fs = box.fs();
    const std::string dir = home.path("guest"), file = dir + "/file";
    MUST(finished(queue, fs.mkdir_async(dir, queue, 1)));
    MUST(finished(queue, fs.write_async(file, "text", queue, 2)));
    CHECK(MUST(finished(queue, fs.read_async(file, queue, 3))).text() == "text");
    CHECK(MUST(finished(queue, fs.exists_async(file, queue, 4))));
    CHECK(MUST(finished(queue, fs.stat_async(file, queue, 5))).size() == 4);
    MUST(finished(queue, fs.chmod_async(file, 0600, queue, 6)));
    MUST(finished(queue, fs.utimes_async(file, 1, 2, queue, 7)));
    MUST(finished(queue, fs.copy_async(file, dir + "/copy", queue, 8)));
    MUST(finished(queue, fs.rename_async(dir + "/copy", dir + "/moved", queue, 9)));
    MUST(finished(queue, fs.symlink_async("file", dir + "/link", queue, 10)));
    CHECK(MUST(finished(queue, fs.readlink_async(dir + "/link", queue, 11))).text() == "file");
    CHECK(MUST(finished(queue, fs.list_async(dir, queue, 12))).size() == 3);
    const auto open = MUST(finished(queue, fs.open_async(file, queue, 13, msb::open_flags::read | msb::open_flags::write)));
    MUST(finished(queue, open.pwrite_async(4, "more", queue, 14)));
    MUST(finished(queue, open.append_async("!", queue, 15)));
    CHECK(MUST(finished(queue, open.pread_async(2, 100, queue, 16))).text() == "xtmore!");
    CHECK(MUST(finished(queue, open.size_async(queue, 17))) == 9);
    MUST(finished(queue, open.truncate_async(3, queue, 18)));
    MUST(finished(queue, open.sync_async(queue, 19)));
    CHECK(MUST(finished(queue, open.stat_async(queue, 20))).size() == 3);
    CHECK(MUST(finished(queue, box.copy_out_async(dir, home.path("out"), queue, 21))).bytes > 0);
    CHECK(MUST(finished(queue, box.copy_in_async(home.path("out"), dir + "/in", queue, 22))).entries > 0);
    MUST(finished(queue, fs.remove_async(file, queue, 23)));
    const msb::file_descriptor archive(::open(home.path("tar").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    CHECK(MUST(finished(queue, fs.tar_export_async(dir, archive.get(), queue, 24))).entries > 0);
    CHECK(lseek(archive.get(), 0, SEEK_SET) == 0);
    CHECK(MUST(finished(queue, fs.tar_import_async(dir + "/again", archive.get(), queue, 25))).entries > 0);
    MUST(finished(queue, fs.remove_dir_async(dir, queue, 26, msb::remove_flags::recursive)));
}

TEST(volumes_are_worked_on_without_a_call_that_blocks) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    const auto volume = MUST(finished(queue, msb::volume::create_async(home.backend, msb::volume_config("data"), queue, 1)));
    const auto fs = volume.fs();
    MUST(finished(queue, volume.write_async("one", "1", queue, 2)));
    CHECK(MUST(finished(queue, volume.read_async("one", queue, 3))).text() == "1");
    MUST(finished(queue, fs.write_async("two", "22", queue, 4, msb::write_flags::atomic)));
    CHECK(MUST(finished(queue, fs.read_async("two", queue, 5))).text() == "22");
    MUST(finished(queue, fs.copy_async("two", "three", queue, 6)));
    CHECK(MUST(finished(queue, fs.list_async(".", queue, 7))).size() == 3);
    const msb::file_descriptor archive(::open(home.path("tar").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    CHECK(MUST(finished(queue, fs.tar_export_async(".", archive.get(), queue, 8))).bytes == 5);
    CHECK(lseek(archive.get(), 0, SEEK_SET) == 0);
    CHECK(MUST(finished(queue, fs.tar_import_async("again", archive.get(), queue, 9))).bytes == 5);
    MUST(finished(queue, fs.remove_dir_async("again", queue, 10, msb::remove_flags::recursive)));
    CHECK(!finished(queue, volume.resize_async(32, queue, 11)));
    MUST(finished(queue, volume.remove_async(queue, 12)));
}
