// Data that outlives sandboxes: a volume is filled from the host, used by a guest, read on the host again and saved as a tar
// archive. Without exceptions: every call gives a result, which is looked at.
//
//     c++ -std=c++17 volume.cpp -lmsb -o volume && ./volume /path/to/root-directory
//
// The directory holds what the guest sees as `/`, such as a static busybox; it is never modified. Everything else is in a
// temporary home that is gone at the end. Only after a failure the home stays, for its logs.
#include <msb.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

using namespace std::chrono_literals;

static int length(std::string_view text) { return static_cast<int>(text.size()); }

static void print(const char *what, std::string_view text) { std::printf("%s: %.*s", what, length(text), text.data()); }

static msb::result<void> run(const msb::sandbox &box, const char *script) {
    return box.exec(msb::exec_config("/bin/sh").args("-c", script).timeout(60s)).map([&](const msb::exec_result &ran) {
        std::printf("$ %s\n%.*s", script, length(ran.out().text()), ran.out().text().data());
    });
}

// In the guest, the volume is at /data.
static msb::result<void> use_in_a_sandbox(const msb::backend &backend, const msb::volume &volume, const char *root) {
    const auto config = msb::sandbox_config("worker").image(root).mount(msb::mount_config("/data").volume("data"));
    const auto created = msb::sandbox::create(backend, config);
    if (!created) return created.error();
    const msb::sandbox &box = *created;
    if (auto started = box.start(60s); !started) return started;

    if (auto ran = run(box, "tr a-z A-Z < /data/input > /data/output; hostname > /root/private"); !ran) return ran;
    if (auto ran = run(box, "dd if=/dev/zero of=/data/large bs=1M count=32 2>&1 | head -n 1"); !ran) return ran;
    const auto output = volume.read("output");
    if (!output) return output.error();
    print("the volume's output", output->text());
    const auto file = box.fs().read("/root/private", 60s);
    if (!file) return file.error();
    print("a file of the guest alone", file->text());

    return box.stop(60s).and_then([&] { return box.remove(); });
}

static msb::result<void> list_and_save(const msb::volume &volume) {
    const auto listed = volume.fs().each(".", [](msb::file_info_view info) {
        std::printf("  %.*s, %llu bytes\n", length(info.name()), info.name().data(), static_cast<unsigned long long>(info.size()));
    });
    if (!listed) return listed;
    if (auto removed = volume.fs().remove("large"); !removed) return removed;
    std::FILE *archive = std::tmpfile();
    if (!archive) return msb::error(msb::status::io, "example.archive", "no temporary file could be made");
    const auto saved = volume.fs().tar_export(".", fileno(archive));
    std::fclose(archive);
    if (!saved) return saved.error();
    std::printf("saved %llu bytes in %llu entries\n", static_cast<unsigned long long>(saved->bytes),
                static_cast<unsigned long long>(saved->entries));
    return {};
}

static msb::result<void> use_a_volume(const char *home, const char *root) {
    const auto backend = msb::backend::create(msb::backend_config().home(home));
    if (!backend) return backend.error();
    // A directory that may hold 16 MiB, whoever writes to it.
    const auto volume = msb::volume::create(*backend, msb::volume_config("data").quota_mib(16).label("project", "example"));
    if (!volume) return volume.error();
    return volume->write("input", "written by the host\n")
        .and_then([&] { return use_in_a_sandbox(*backend, *volume, root); })
        .and_then([&] { return list_and_save(*volume); })
        .and_then([&] { return volume->remove(); })
        .and_then([&] { return backend->close(60s); });
}

int main(int argc, char **argv) {
    char home[] = "/tmp/msb-volume-XXXXXX";
    if (argc != 2 || !mkdtemp(home)) {
        std::fprintf(stderr, "usage: %s ROOT-DIRECTORY\n", argv[0]);
        return 2;
    }
    if (const auto done = use_a_volume(home, argv[1]); !done) {
        const msb::error &error = done.error();
        std::fprintf(stderr, "volume: %s (%s)\nvolume: logs are in %s\n", error.message().data(), error.reason().data(), home);
        return 1; // An attached sandbox ends with the process that started it.
    }
    std::error_code failed;
    std::filesystem::remove_all(home, failed);
    return failed ? 1 : 0;
}
