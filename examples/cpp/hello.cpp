// Runs untrusted commands in a microVM: a sandbox is made from a root directory, started, used, stopped and removed.
//
//     c++ -std=c++17 hello.cpp -lmsb -o hello && ./hello /path/to/root-directory
//
// The directory holds what the guest sees as `/`, such as a static busybox; it is never modified. Everything else is in a
// temporary home that is gone at the end. Only after a failure the home stays, for its logs.
#define MSB_HPP_EXCEPTIONS
#include <msb.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>

using namespace std::chrono_literals;

static msb::exec_config shell(const msb::text &script) {
    return msb::exec_config("/bin/sh").args("-c", script).timeout(60s);
}

// The simplest way: run to the end, with what the command wrote collected.
static void run(const msb::sandbox &box, const msb::text &script) {
    const auto result = box.exec(shell(script)).value();
    std::cout << "  " << result.out().text() << "  exit code " << result.exit_code() << '\n';
}

// Output as it appears, until there is no more.
static void stream(const msb::sandbox &box, const msb::text &script) {
    const auto began = std::chrono::steady_clock::now();
    const auto command = box.exec_start(shell(script)).value();
    char buffer[4096];
    while (const std::size_t n = command.read(msb::stream::out, buffer, 60s).value()) {
        const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - began;
        std::cout << "  after " << passed.count() << " ms: " << std::string_view(buffer, n) << std::flush;
    }
    std::cout << "  exit code " << command.wait(60s).value().exit_code << '\n';
}

static void feed(const msb::sandbox &box, const msb::text &script, std::string_view text) {
    const auto command = box.exec_start(shell(script).input_pipe()).value();
    command.write_all(text, 60s).value();
    command.close_stdin().value();
    char buffer[4096];
    while (const std::size_t n = command.read(msb::stream::out, buffer, 60s).value())
        std::cout << "  " << std::string_view(buffer, n);
}

static void use_a_sandbox(const char *home, const char *root) {
    const auto backend = msb::backend::create(msb::backend_config().home(home)).value();
    const auto box = msb::sandbox::create(backend, msb::sandbox_config("hello").image(root).memory_mib(256)).value();
    box.start(60s).value();
    const auto info = box.info().value();
    std::cout << "started: driver " << info.driver() << ", isolation " << info.isolation() << '\n';

    run(box, "uname -a");
    stream(box, "for i in 1 2 3; do echo line $i; sleep 0.3; done");
    feed(box, "tr a-z A-Z", "fed through a pipe\n");
    run(box, "echo about to fail; exit 3");
    // A command that cannot even be started is an error, and its reason says why.
    const auto missing = box.exec(msb::exec_config("/no/such/program"));
    std::cout << "  " << missing.error().reason() << ": " << missing.error().message() << '\n';

    box.stop(60s).value();
    box.remove().value();
    backend.close(60s).value();
    std::cout << "stopped and removed\n";
}

int main(int argc, char **argv) {
    char home[] = "/tmp/msb-hello-XXXXXX";
    if (argc != 2 || !mkdtemp(home)) {
        std::cerr << "usage: " << argv[0] << " ROOT-DIRECTORY\n";
        return 2;
    }
    try {
        use_a_sandbox(home, argv[1]);
    } catch (const msb::exception &failure) {
        std::cerr << "hello: " << failure.what() << " (" << failure.error().reason() << ")\nhello: logs are in " << home << '\n';
        return 1; // An attached sandbox ends with the process that started it.
    }
    std::filesystem::remove_all(home);
}
