// What calls, commands, streams and waits cost from C++, measured as c.c measures them.
//
//   MSB_BENCH_DRIVER=qemu MSB_BENCH_ROOT=DIRECTORY cpp
#define MSB_HPP_EXCEPTIONS
#include <msb.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

static constexpr int calls = 1000000, opens = 5000, warm_up = 20, execs = 200, streams = 3;
static constexpr std::uint64_t waits = 1000, stream_bytes = std::uint64_t{256} << 20;
static constexpr auto patience = 120s;

static void row(const char *name, double value, const char *unit) { std::printf("ROW\t%s\t%.3f\t%s\n", name, value, unit); }

static double seconds_since(steady::time_point began) { return std::chrono::duration<double>(steady::now() - began).count(); }

static double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// The least that a call can cost.
[[gnu::noinline]] static std::string_view nothing() {
    __asm__ volatile("");
    return "";
}

template <class Call>
static double ns_of(Call call) {
    const auto began = steady::now();
    for (int i = 0; i < calls; ++i) {
        const char *volatile kept = call().data();
        (void)kept;
    }
    return seconds_since(began) * 1e9 / calls;
}

static void measure_calls(const msb::backend &backend) {
    row("floor_ns", ns_of([] { return nothing(); }), "ns");
    row("version_ns", ns_of([] { return msb::version(); }), "ns");
    const auto volume = msb::volume::create(backend, msb::volume_config("data")).value();
    const auto began = steady::now();
    for (int i = 0; i < opens; ++i) msb::volume::open(backend, "data").value();
    row("open_by_name_ns", seconds_since(began) * 1e9 / opens, "ns");
    volume.remove().value();
}

static void measure_exec(const msb::sandbox &box) {
    std::vector<double> times;
    const auto config = msb::exec_config("/bin/true");
    for (int i = -warm_up; i < execs; ++i) {
        const auto began = steady::now();
        box.exec(config).value();
        if (i >= 0) times.push_back(seconds_since(began) * 1e6);
    }
    row("exec_true_us", median(times), "us");
}

static double stream(const msb::sandbox &box) {
    static char buffer[256 << 10];
    std::uint64_t total = 0;
    const auto began = steady::now();
    const auto command = box.exec_start(msb::exec_config("dd").args("if=/dev/zero", "bs=1M", "count=256")).value();
    while (const auto n = command.read(msb::stream::out, buffer, patience).value()) total += n;
    const auto end = command.wait(patience).value();
    const double took = seconds_since(began);
    if (total != stream_bytes || end.exit_code != 0)
        throw msb::exception({msb::status::io, "bench.stream", "the stream ended early"});
    return static_cast<double>(total) / (1 << 20) / took;
}

static void measure_stream(const msb::sandbox &box) {
    std::vector<double> rates;
    for (int i = 0; i < streams; ++i) rates.push_back(stream(box));
    row("stdout_mib_s", median(rates), "MiB/s");
}

static std::ptrdiff_t count_threads() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

static void measure_waits(const msb::sandbox &box) {
    const auto command = box.exec_start(msb::exec_config("cat").input_pipe()).value();
    const auto before = count_threads();
    const auto queue = msb::queue::create().value();
    std::vector<msb::op<msb::exec_status>> ops;
    for (std::uint64_t token = 0; token < waits; ++token) ops.push_back(command.wait_async(queue, token).value());
    row("waits_threads", static_cast<double>(count_threads() - before), "threads");
    command.close_stdin().value();
    msb::completion completions[64];
    for (std::uint64_t taken = 0; taken < waits;) {
        const std::size_t n = queue.next(completions, patience).value();
        for (std::size_t i = 0; i < n; ++i) ops[completions[i].token].take().value();
        taken += n;
    }
    queue.close(patience).value();
}

static void measure(const char *home, const char *driver, const char *root) {
    const auto backend = msb::backend::create(msb::backend_config().home(home).driver(driver)).value();
    measure_calls(backend);
    const auto box = msb::sandbox::create(backend, msb::sandbox_config("bench").image(root).cpus(1).memory_mib(256)).value();
    box.start().value();
    measure_exec(box);
    measure_stream(box);
    measure_waits(box);
    box.stop(30s).value();
    box.remove().value();
    backend.close(30s).value();
}

int main() {
    const char *driver = std::getenv("MSB_BENCH_DRIVER"), *root = std::getenv("MSB_BENCH_ROOT"), *folder = std::getenv("TMPDIR");
    std::string home = std::string(folder ? folder : "/tmp") + "/msb-bench-XXXXXX";
    if (!driver || !root || !mkdtemp(home.data())) {
        std::fprintf(stderr, "cpp: set MSB_BENCH_DRIVER and MSB_BENCH_ROOT; homes are made in TMPDIR\n");
        return 2;
    }
    try {
        measure(home.c_str(), driver, root);
    } catch (const msb::exception &failure) {
        std::fprintf(stderr, "cpp: %s\n", failure.what());
        return 1;
    }
    std::filesystem::remove_all(home);
}
