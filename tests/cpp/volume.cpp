// Volumes, their files, and the room that a home takes.
#include "test.hpp"

#include <array>
#include <vector>

#include <fcntl.h>

using test::patience;

TEST(a_volume_is_made_found_and_removed) {
    test::home home;
    const auto made = MUST(msb::volume::create(home.backend, msb::volume_config("data").quota_mib(8).label("a", "b")));
    const auto opened = MUST(msb::volume::open(home.backend, std::string_view("database").substr(0, 4)));
    const auto info = MUST(opened.info());
    CHECK(info.name() == "data" && info.kind() == "dir" && info.quota_mib() == 8 && info.labels()[0].key == "a");
    CHECK(info.attached_to().empty() && info.used_bytes() == 0 && info.disk_format().empty() && info.capacity_bytes() == 0);
    CHECK(info.created_unix_ms() <= info.updated_unix_ms() && std::filesystem::exists(info.path()));
    CHECK_FAILS(already_exists, msb::volume::create(home.backend, msb::volume_config("data")));
    CHECK(!opened.resize(16));
    MUST(made.remove());
    CHECK_FAILS(not_found, msb::volume::open(home.backend, "data"));
}

TEST(volumes_are_listed_page_after_page) {
    test::home home;
    for (const char *name : {"v1", "v2", "v3"}) MUST(msb::volume::create(home.backend, msb::volume_config(name)));
    std::string names;
    for (const auto info : MUST(msb::volume::list(home.backend, msb::volume_filter().name_prefix("v").kind("dir"))))
        names.append(info.name()), CHECK(info.used_bytes() == MSB_NOT_MEASURED);
    CHECK(msb::volume::each(home.backend, msb::volume_filter().limit(2), [&](auto info) { names.append(info.name()); }));
    CHECK(names == "v1v2v3v1v2v3");
}

TEST(whole_files_are_read_without_a_copy) {
    test::home home;
    const auto volume = MUST(msb::volume::create(home.backend, msb::volume_config("data")));
    const std::vector<std::uint8_t> data{0, 1, 2, 255};
    MUST(volume.write("raw", data));
    const msb::bytes read = MUST(volume.read("raw"));
    CHECK(read.size() == 4 && read.view()[3] == std::byte{255});
    // The view is the library's own memory.
    CHECK(static_cast<const void *>(read.view().data()) == static_cast<const void *>(msb_bytes_data(read.get())));
    MUST(volume.write("empty", {}));
    CHECK(MUST(volume.read("empty")).view().empty());
}

TEST(files_of_a_volume_are_worked_on) {
    test::home home;
    const auto volume = MUST(msb::volume::create(home.backend, msb::volume_config("data")));
    const auto fs = volume.fs();
    MUST(fs.mkdir("a/b", msb::mkdir_flags::parents));
    MUST(fs.write("a/file", "text", msb::write_flags::none, 0600));
    MUST(fs.copy("a/file", "a/copy"));
    MUST(fs.rename("a/copy", "a/moved"));
    MUST(fs.symlink("file", "a/link"));
    CHECK(MUST(fs.readlink("a/link")).text() == "file" && MUST(fs.read("a/moved")).text() == "text");
    CHECK(MUST(fs.exists("a/file")) && !MUST(fs.exists("a/copy")));
    MUST(fs.chmod("a/file", 0644));
    MUST(fs.utimes("a/file", 5, 7));
    const auto info = MUST(fs.stat("a/file"));
    CHECK(info.mode() == 0644 && info.accessed_ns() == 5 && info.modified_ns() == 7 && info.changed_ns() > 7);
    std::string names;
    for (const auto entry : MUST(fs.list("a"))) names.append(entry.name()).append(" ");
    CHECK(names.size() == std::string_view("b file link moved ").size());
    int looked = 0;
    CHECK(fs.each("a", [&](auto) { return ++looked < 3; }));
    CHECK(looked == 3);
    MUST(fs.remove("a/file"));
    MUST(fs.remove_dir("a", msb::remove_flags::recursive));
    CHECK_FAILS(not_found, fs.remove_dir("a"));
    CHECK_FAILS(not_found, fs.each("a", [](auto) {}));
}

TEST(an_open_file_is_read_and_written_in_place) {
    test::home home;
    const auto volume = MUST(msb::volume::create(home.backend, msb::volume_config("data")));
    using flags = msb::open_flags;
    auto file = MUST(volume.fs().open("log", flags::read | flags::write | flags::create | flags::exclusive));
    MUST(file.pwrite(4, "four"));
    MUST(file.append(std::string("+end")));
    std::array<char, 16> room{};
    CHECK(MUST(file.pread(4, room)) == 8 && std::string_view(room.data(), 8) == "four+end");
    CHECK(MUST(file.size()) == 12);
    MUST(file.truncate(5));
    MUST(file.sync());
    CHECK(MUST(file.stat()).size() == 5 && MUST(file.pread(5, room)) == 0);
    MUST(volume.remove());
}

TEST(archives_tell_their_progress_and_can_be_given_up) {
    test::home home;
    const auto volume = MUST(msb::volume::create(home.backend, msb::volume_config("data")));
    MUST(volume.write("one", "1"));
    MUST(volume.write("two", "22"));
    const msb::file_descriptor archive(::open(home.path("data.tar").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    std::uint64_t bytes = 0;
    const auto total =
        MUST(volume.fs().tar_export(".", archive.get(), [&](const msb::file_progress &progress) { bytes = progress.bytes; }));
    CHECK(total.bytes == 3 && bytes == 3 && total.entries >= 2);
    CHECK(lseek(archive.get(), 0, SEEK_SET) == 0);
    CHECK(MUST(volume.fs().tar_import("again", archive.get())).bytes == 3);
    CHECK(MUST(volume.read("again/two")).text() == "22");
    const auto refuse = [](const msb::file_progress &) { return false; };
    CHECK_FAILS(cancelled, volume.fs().tar_export(".", archive.get(), refuse));
}

TEST(a_sandbox_uses_a_volume) {
    test::home home;
    const auto volume = MUST(msb::volume::create(home.backend, msb::volume_config("data")));
    const auto refused = msb::sandbox::create(
        home.backend, msb::sandbox_config("box").image("/").mount(msb::mount_config("/data").volume("nothing")));
    CHECK(!refused && !refused.error().reason().empty());
}

TEST(the_room_of_a_home_is_measured_checked_and_freed) {
    test::home home;
    MUST(MUST(msb::volume::create(home.backend, msb::volume_config("data"))).write("file", std::string(100000, 'x')));
    const auto usage = MUST(msb::storage_usage::get(home.backend));
    bool found = false;
    for (const auto category : usage.categories()) found = found || (category.name == "volumes" && category.bytes >= 100000);
    CHECK(found && usage.total_bytes() >= 100000);

    std::filesystem::create_directories(home.path("volumes/nobodys"));
    const auto before = MUST(msb::fsck(home.backend));
    CHECK(before.findings().size() == 1 && before.findings()[0].kind == "directory_without_volume" &&
          before.findings()[0].name == "nobodys" && before.findings()[0].action == "none");
    CHECK(MUST(msb::fsck(home.backend, msb::fsck_flags::repair)).findings()[0].action == "moved");
    CHECK(MUST(msb::fsck(home.backend)).findings().empty());
    const auto freed = MUST(msb::prune(home.backend, msb::prune_flags::lost | msb::prune_flags::temporary));
    CHECK(freed.items().size() == 1 && freed.items()[0].kind == "moved_aside" && freed.bytes() == freed.items()[0].bytes);
}
