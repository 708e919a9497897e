// Images: loaded from files, pipes and in the background, listed, looked at, used as roots and removed.
#include "test.hpp"

#include <cstring>
#include <fstream>
#include <vector>

#include <fcntl.h>

using test::patience;

namespace {

// Adds a member to a tar.
void add_member(std::string &tar, const char *name, char type, std::string_view content) {
    char header[512] = {};
    unsigned sum = 0;
    std::snprintf(header, 100, "%s", name);
    std::memcpy(header + 100, "0000755", 8);
    std::memcpy(header + 108, "0000000", 8);
    std::memcpy(header + 116, "0000000", 8);
    std::snprintf(header + 124, 12, "%011zo", content.size());
    std::memcpy(header + 136, "00000000000", 12);
    std::memset(header + 148, ' ', 8);
    header[156] = type;
    std::memcpy(header + 257, "ustar\0" "00", 8);
    for (const char byte : header) sum += static_cast<unsigned char>(byte);
    std::snprintf(header + 148, 8, "%06o", sum);
    tar.append(header, sizeof header).append(content);
    tar.resize((tar.size() + 511) / 512 * 512);
}

std::string read_all(const char *command) {
    std::string text;
    FILE *const pipe = ::popen(command, "r");
    for (int byte; (byte = std::fgetc(pipe)) != EOF;) text.push_back(static_cast<char>(byte));
    ::pclose(pipe);
    return text;
}

// "sha256:" and the digest of the file.
std::string digest_of(const std::string &path) { return "sha256:" + read_all(("sha256sum " + path).c_str()).substr(0, 64); }

std::string write_file(const std::string &path, const std::string &content) {
    std::ofstream(path, std::ios::binary) << content;
    return path;
}

// The tar of a root file system with one file.
std::string root_tar(const test::home &home, std::string_view motd) {
    std::string tar;
    add_member(tar, "etc/", '5', "");
    add_member(tar, "etc/motd", '0', motd);
    return write_file(home.path("root.tar"), tar.append(1024, '\0'));
}

// Puts content where an OCI layout has it by its digest, and gives its descriptor.
std::string add_blob(const std::string &layout, const char *type, const std::string &content) {
    const std::string made = write_file(layout + "/blob", content), digest = digest_of(made);
    std::filesystem::rename(made, layout + "/blobs/sha256/" + digest.substr(7));
    return R"({"mediaType":"application/vnd.oci.image.)" + std::string(type) + R"(","digest":")" + digest + R"(","size":)" +
           std::to_string(content.size()) + "}";
}

// An OCI layout with one image of this host, which has a configuration.
std::string oci_layout(const test::home &home) {
    const std::string layout = home.path("layout"), tar = root_tar(home, "from a layout\n");
    std::filesystem::create_directories(layout + "/blobs/sha256");
    const std::string arch = read_all("uname -m").rfind("x86_64", 0) == 0 ? "amd64" : "arm64";
    std::ifstream file(tar, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    const std::string layer = add_blob(layout, "layer.v1.tar", content);
    const std::string config = add_blob(
        layout, "config.v1+json",
        R"({"os":"linux","architecture":")" + arch +
            R"(","config":{"Env":["A=1","B=2"],"Entrypoint":["/bin/sh"],"Cmd":["-c","true"],)" +
            R"("User":"nobody","WorkingDir":"/etc","StopSignal":"SIGINT","Labels":{"who":"test"}},)" +
            R"("rootfs":{"type":"layers","diff_ids":[")" + digest_of(tar) + R"("]}})");
    const std::string manifest = add_blob(layout, "manifest.v1+json",
                                          R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" + layer + "]}");
    write_file(layout + "/index.json", R"({"schemaVersion":2,"manifests":[)" + manifest + "]}");
    write_file(layout + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    return layout;
}

msb::image_load_config named(const char *reference) { return std::move(msb::image_load_config().reference(reference)); }

}  // namespace

TEST(an_image_tells_what_its_archive_says) {
    test::home home;
    const auto info = MUST(msb::image::load(home.backend, oci_layout(home), named("tool:1")));
    CHECK(info.reference() == "docker.io/library/tool:1" && info.digest().substr(0, 7) == "sha256:" && info.os() == "linux");
    CHECK(info.config_digest() != info.digest() && !info.architecture().empty() && info.variant().empty());
    CHECK(info.env().size() == 2 && info.env()[1] == "B=2" && info.cmd()[1] == "true" && info.entrypoint()[0] == "/bin/sh");
    CHECK(info.user() == "nobody" && info.working_dir() == "/etc" && info.stop_signal() == "SIGINT");
    CHECK(info.labels().size() == 1 && info.labels()[0].key == "who" && info.labels()[0].value == "test");
    const auto layers = info.layers();
    CHECK(layers.size() == 1 && layers[0].digest == layers[0].diff_id && layers[0].size_bytes == info.size_bytes());
    CHECK(layers[0].disk_bytes > 0 && info.disk_bytes() == layers[0].disk_bytes);
    CHECK(info.created_unix_ms() > 0 && info.created_unix_ms() <= info.updated_unix_ms());
    CHECK(MUST(msb::image::info(home.backend, "tool:1")).digest() == info.digest());
}

TEST(a_pipe_gives_the_image_that_its_file_gives) {
    test::home home;
    const std::string path = root_tar(home, "piped\n");
    const msb::file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto by_fd = MUST(msb::image::load_fd(home.backend, file.get(), named("by-fd")));
    CHECK(by_fd.digest() == MUST(msb::image::load(home.backend, path, named("by-path"))).digest());
    CHECK_FAILS(invalid_argument, msb::image::load_fd(home.backend, -1, named("none")));
}

TEST(a_load_in_the_background_completes_with_its_image) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    const std::string path = root_tar(home, "later\n");
    const msb::file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto one = MUST(msb::image::load_async(home.backend, path, named("later"), queue, 1));
    const auto other = MUST(msb::image::load_fd_async(home.backend, file.get(), named("later-fd"), queue, 2));
    for (int left = 2; left > 0;)
        if (MUST(queue.next(patience))) left--;
    CHECK(MUST(one.take()).reference() == "docker.io/library/later:latest");
    CHECK(MUST(other.take()).reference() == "docker.io/library/later-fd:latest");
    CHECK(MUST(one.progress()).items_done == 1);
}

TEST(a_saved_image_is_loaded_again) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    const std::string place = home.path("saved.tar");
    MUST(msb::image::load(home.backend, oci_layout(home), named("tool:1")));
    MUST(msb::image::save(home.backend, "tool:1", place));
    const auto saved = MUST(msb::image::load(home.backend, place));
    CHECK(saved.reference() == "docker.io/library/tool:1" && saved.user() == "nobody");
    const msb::file_descriptor file(::open(place.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    MUST(msb::image::save_fd(home.backend, "tool:1", file.get()));
    CHECK(MUST(msb::image::load(home.backend, place)).digest() == saved.digest());
    const auto one = MUST(msb::image::save_async(home.backend, "tool:1", place, queue, 1));
    const auto other = MUST(msb::image::save_fd_async(home.backend, "missing", file.get(), queue, 2));
    for (int left = 2; left > 0;)
        if (MUST(queue.next(patience))) left--;
    MUST(one.take());
    CHECK_FAILS(not_found, other.take());
    CHECK(MUST(msb::image::load(home.backend, place)).digest() == saved.digest());
}

TEST(an_image_that_is_there_is_not_pulled) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    const auto offline = msb::image_pull_config().policy(msb::pull_policy::never);
    CHECK_FAILS(not_found, msb::image::pull(home.backend, "there", offline));
    const auto loaded = MUST(msb::image::load(home.backend, root_tar(home, "there\n"), named("there")));
    CHECK(MUST(msb::image::pull(home.backend, "there", offline)).digest() == loaded.digest());
    CHECK(MUST(msb::image::pull(home.backend, "there")).digest() == loaded.digest());
    const auto op = MUST(msb::image::pull_async(home.backend, "there:latest", {}, queue, 3));
    CHECK(MUST(queue.next(patience))->token == 3);
    CHECK(MUST(op.take()).reference() == loaded.reference());
    const auto box = msb::sandbox_config("box").image("missing").image_pull_policy(msb::pull_policy::never);
    CHECK_FAILS(not_found, msb::sandbox::create(home.backend, box));
}

TEST(a_pull_that_is_cancelled_leaves_no_image) {
    test::home home;
    const auto queue = MUST(msb::queue::create());
    // Where nobody listens; the registry is tried again and again.
    const auto config = msb::image_pull_config().insecure().credentials("who", "secret").platform("linux/amd64");
    const auto op = MUST(msb::image::pull_async(home.backend, "127.0.0.1:1/none", config, queue, 4));
    MUST(op.cancel());
    CHECK(MUST(queue.next(patience))->status == MSB_ERR_CANCELLED);
    CHECK_FAILS(cancelled, op.take());
    CHECK_FAILS(not_found, msb::image::info(home.backend, "127.0.0.1:1/none"));
    CHECK(MUST(config.to_json()).text().find("secret") != std::string_view::npos);
    const auto both = msb::image_pull_config().credentials("who", "secret").token("token");
    CHECK_FAILS(invalid_argument, msb::image::pull(home.backend, "127.0.0.1:1/none", both));
}

TEST(images_are_listed_page_after_page_and_removed) {
    test::home home;
    const std::string path = root_tar(home, "listed\n");
    const char *const references[] = {"a.example/one:1", "a.example/two:1", "b.example/one:1"};
    for (const char *reference : references) MUST(msb::image::load(home.backend, path, named(reference)));
    const auto page = MUST(msb::image::list(home.backend, msb::image_filter().reference_prefix("a.example/").limit(1)));
    CHECK(page.size() == 1 && page.next() != nullptr);
    std::string found;
    CHECK(msb::image::each(home.backend, msb::image_filter().limit(2), [&](auto image) { found.append(image.reference()); }));
    CHECK(found == "a.example/one:1a.example/two:1b.example/one:1");
    for (const char *reference : references) MUST(msb::image::remove(home.backend, reference));
    CHECK(MUST(msb::image::list(home.backend)).size() == 0);
    CHECK_FAILS(not_found, msb::image::remove(home.backend, references[0]));
}

TEST(an_image_stays_while_a_sandbox_has_it_as_root) {
    test::home home;
    MUST(msb::image::load(home.backend, root_tar(home, "kept\n"), named("kept")));
    const auto box = MUST(msb::sandbox::create(home.backend, msb::sandbox_config("holder").image("kept")));
    CHECK(MUST(box.info()).image() == "docker.io/library/kept:latest");
    const auto removed = msb::image::remove(home.backend, "kept");
    CHECK(removed.status() == msb::status::busy && removed.error().reason() == "image.in_use");
    MUST(box.remove());
    MUST(msb::image::remove(home.backend, "kept"));
}

TEST(what_is_no_image_is_refused) {
    test::home home;
    const std::string path = root_tar(home, "x\n");
    CHECK_FAILS(invalid_argument, msb::image::load(home.backend, path));
    CHECK_FAILS(not_found, msb::image::load(home.backend, "/nowhere/at/all.tar", named("bad")));
    CHECK_FAILS(invalid_argument, msb::image::load(home.backend, path, named("bad").platform("nonsense")));
    CHECK_FAILS(invalid_argument, msb::image::info(home.backend, "No Such/Name"));
    std::filesystem::resize_file(path, 1100);
    CHECK_FAILS(corrupt, msb::image::load(home.backend, path, named("bad")));
    CHECK_FAILS(not_found, msb::image::info(home.backend, "bad"));
}
