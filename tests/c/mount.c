/*
 * Mounts: their form, their JSON, what creating a sandbox does about volumes, files and images, what an info says of them.
 * Runs on the `process` driver, which has no mounts: that a start says so is a test, that they work is tests/vm.
 */
#include "fixture.h"

static msb_backend backend;
static char work[160];

static const char *in_work(const char *name) {
    static char text[4][512];
    static int next;
    char *path = text[next++ % 4];
    snprintf(path, sizeof text[0], "%s/%s", work, name);
    return path;
}

static void write_file(const char *path, size_t size, size_t offset, const void *magic, size_t len) {
    FILE *file = fopen(path, "we");
    CHECK(file != NULL);
    if (!file) return;
    CHECK(ftruncate(fileno(file), (off_t)size) == 0);
    CHECK(fseek(file, (long)offset, SEEK_SET) == 0 && fwrite(magic, 1, len, file) == len);
    CHECK(fclose(file) == 0);
}

/* A mount of a volume. */
static msb_mount_config *of_volume(const char *guest_path, const char *name, const char *mode) {
    msb_error *err = NULL;
    msb_mount_config *mount = msb_mount_config_new(guest_path);
    CHECK_OK(err, msb_mount_config_set_volume(mount, name, &err));
    CHECK_OK(err, msb_mount_config_set_volume_mode(mount, mode, &err));
    return mount;
}

static msb_mount_config *of_path(const char *guest_path, const char *path) {
    msb_error *err = NULL;
    msb_mount_config *mount = msb_mount_config_new(guest_path);
    CHECK_OK(err, msb_mount_config_set_bind(mount, path, &err));
    return mount;
}

static msb_mount_config *of_disk(const char *guest_path, const char *path) {
    msb_error *err = NULL;
    msb_mount_config *mount = msb_mount_config_new(guest_path);
    CHECK_OK(err, msb_mount_config_set_disk(mount, path, &err));
    return mount;
}

/* Adds a mount, which is freed, to a config. */
static msb_sandbox_config *with(msb_sandbox_config *config, msb_mount_config *mount) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_config_add_mount(config, mount, &err));
    msb_mount_config_free(mount);
    return config;
}

/* Creating a sandbox from the config, which is freed, gives the status and, if it fails, the reason. */
static int creating_gives(msb_sandbox_config *config, msb_status expected, const char *reason) {
    msb_error *err = NULL;
    msb_sandbox box = {0};
    msb_status status = msb_sandbox_create(backend, config, &box, &err);
    msb_sandbox_config_free(config);
    int same = status == expected && (!err || strcmp(msb_error_reason(err), reason) == 0);
    if (!same) printf("       it gave %s: %s\n", msb_status_name(status), msb_error_message(err));
    msb_error_free(err);
    if (status == MSB_OK) discard_box(&box);
    return same;
}

static int volume_exists(const char *name) {
    msb_volume volume = {0};
    int found = msb_volume_open(backend, name, &volume, NULL) == MSB_OK;
    msb_volume_release(&volume);
    return found;
}

static msb_status remove_volume(const char *name, msb_error **err) {
    msb_volume volume = {0};
    msb_status status = msb_volume_open(backend, name, &volume, err);
    if (status == MSB_OK) status = msb_volume_remove(volume, err);
    msb_volume_release(&volume);
    return status;
}

/* ---- form ---- */

TEST(a_path_in_the_guest_is_absolute_and_replaces_nothing_that_the_guest_needs) {
    msb_error *err = NULL;
    const char *bad[] = {"", "data", "/", "//", "/a/../b", "/proc", "/proc/x", "/sys/fs", "/dev"};
    msb_mount_config *mount = msb_mount_config_new(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_mount_config_set_guest_path(mount, bad[i], &err));
    CHECK_OK(err, msb_mount_config_set_guest_path(mount, "/dev/shm", &err));
    msb_mount_config_free(mount);
}

TEST(a_mount_shows_exactly_one_thing) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("one");
    msb_mount_config *mount = msb_mount_config_new("/m");
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_add_mount(config, mount, &err));
    CHECK_OK(err, msb_mount_config_set_tmpfs(mount, 1, &err));
    CHECK_OK(err, msb_sandbox_config_add_mount(config, mount, &err));
    CHECK_OK(err, msb_mount_config_set_bind(mount, "/", &err));
    msb_status status = msb_sandbox_config_add_mount(config, mount, &err);
    CHECK(status == MSB_ERR_INVALID_ARGUMENT && strstr(msb_error_message(err), "`bind` and `tmpfs`"));
    msb_error_free(err);
    err = NULL;
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_add_mount(config, NULL, &err));
    msb_mount_config_free(mount);
    msb_sandbox_config_free(config);
}

TEST(options_of_another_source_are_refused) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("other");
    msb_mount_config *mount = of_path("/m", "/");
    CHECK_OK(err, msb_mount_config_set_tmpfs_size_mib(mount, 5, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_add_mount(config, mount, &err));
    msb_mount_config_free(mount);
    mount = of_volume("/m", "v", "existing");
    CHECK_OK(err, msb_mount_config_set_volume_quota_mib(mount, 5, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_add_mount(config, mount, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_mount_config_set_volume_mode(mount, "maybe", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_mount_config_set_volume(mount, "../v", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_mount_config_set_disk_fstype(mount, "ext4,rw", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_mount_config_set_uid(mount, UINT32_MAX, &err));
    msb_mount_config_free(mount);
    msb_sandbox_config_free(config);
}

TEST(two_mounts_are_never_at_one_place) {
    msb_sandbox_config *config = with(box_config("twice"), of_path("/m/x", "/"));
    CHECK(creating_gives(with(config, of_path("//m/./x/", "/")), MSB_ERR_INVALID_ARGUMENT, "option.invalid"));
}

TEST(a_mount_is_the_same_in_json) {
    msb_error *err = NULL;
    msb_bytes *json = NULL;
    msb_mount_config *mount = NULL;
    msb_sandbox_config *config = NULL;
    const char *text = "{\"guest_path\":\"/m\",\"noexec\":true,\"read_only\":true,\"tmpfs\":true,\"tmpfs_size_mib\":5}";
    CHECK_OK(err, msb_mount_config_from_json(text, &mount, &err));
    CHECK_OK(err, msb_mount_config_to_json(mount, &json, &err));
    CHECK(msb_bytes_len(json) == strlen(text) && memcmp(msb_bytes_data(json), text, strlen(text)) == 0);
    msb_bytes_free(json);
    CHECK_OK(err, msb_sandbox_config_from_json("{\"name\":\"j\",\"image\":\"/\"}", &config, &err));
    CHECK_OK(err, msb_sandbox_config_add_mount(config, mount, &err));
    msb_mount_config_free(mount);
    CHECK_OK(err, msb_sandbox_config_to_json(config, &json, &err));
    char whole[512];
    snprintf(whole, sizeof whole, "{\"image\":\"/\",\"mounts\":[%s],\"name\":\"j\"}", text);
    CHECK(msb_bytes_len(json) == strlen(whole) && memcmp(msb_bytes_data(json), whole, strlen(whole)) == 0);
    msb_sandbox_config_free(config);
    CHECK_OK(err, msb_sandbox_config_from_json(whole, &config, &err));
    CHECK(creating_gives(config, MSB_OK, ""));
    msb_bytes_free(json);
    CHECK_STATUS(MSB_ERR_CONFIG_INVALID, err,
                 msb_sandbox_config_from_json("{\"mounts\":[{\"guest_path\":\"/m\",\"bnid\":\"/\"}]}", &config, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err,
                 msb_sandbox_config_from_json("{\"mounts\":[{\"guest_path\":\"/m\"}]}", &config, &err));
}

/* ---- what the host has ---- */

TEST(what_is_bound_must_be_there_and_be_a_directory_or_a_file) {
    write_file(in_work("file"), 1, 0, "x", 1);
    CHECK(mkfifo(in_work("fifo"), 0600) == 0);
    CHECK(creating_gives(with(box_config("b"), of_path("/m", in_work("file"))), MSB_OK, ""));
    CHECK(creating_gives(with(box_config("b"), of_path("/m", in_work("none"))), MSB_ERR_NOT_FOUND, "mount.not_found"));
    CHECK(creating_gives(with(box_config("b"), of_path("/m", in_work("fifo"))), MSB_ERR_UNSUPPORTED, "mount.kind"));
    msb_sandbox_config *config = with(box_config("b"), of_path("/m", in_work("file")));
    CHECK(creating_gives(with(config, of_path("/m/x", work)), MSB_ERR_INVALID_ARGUMENT, "mount.below_file"));
}

TEST(a_disk_image_is_told_by_its_content_and_refers_to_no_other_file) {
    static const unsigned char alone[] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char child[] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 112};
    write_file(in_work("raw"), 4096, 1080, "\x53\xef", 2);
    write_file(in_work("qcow2"), 4096, 0, alone, sizeof alone);
    write_file(in_work("child"), 4096, 0, child, sizeof child);
    write_file(in_work("vmdk"), 4096, 0, "KDMV", 4);
    msb_sandbox_config *config = with(box_config("d"), of_disk("/raw", in_work("raw")));
    CHECK(creating_gives(with(config, of_disk("/qcow2", in_work("qcow2"))), MSB_OK, ""));
    CHECK(creating_gives(with(box_config("d"), of_disk("/m", in_work("child"))), MSB_ERR_UNSUPPORTED, "disk.backing_file"));
    CHECK(creating_gives(with(box_config("d"), of_disk("/m", in_work("vmdk"))), MSB_ERR_UNSUPPORTED, "disk.kind"));
    CHECK(creating_gives(with(box_config("d"), of_disk("/m", in_work("none"))), MSB_ERR_NOT_FOUND, "disk.not_found"));
    CHECK(creating_gives(with(box_config("d"), of_disk("/m", work)), MSB_ERR_UNSUPPORTED, "disk.not_a_file"));
    config = with(box_config("d"), of_disk("/a", in_work("raw")));
    CHECK(creating_gives(with(config, of_disk("/b", in_work("raw"))), MSB_ERR_INVALID_ARGUMENT, "mount.disk_twice"));
}

/* ---- volumes ---- */

TEST(a_volume_that_must_be_there_is_not_made) {
    CHECK(creating_gives(with(box_config("v"), of_volume("/m", "none", "existing")), MSB_ERR_NOT_FOUND,
                         "volume.not_found"));
    CHECK(!volume_exists("none"));
}

TEST(a_volume_is_made_with_its_sandbox_and_outlives_it) {
    msb_error *err = NULL;
    CHECK(creating_gives(with(box_config("v"), of_volume("/m", "fresh", "create")), MSB_OK, ""));
    CHECK(volume_exists("fresh"));
    CHECK(creating_gives(with(box_config("v"), of_volume("/m", "fresh", "create")), MSB_ERR_ALREADY_EXISTS,
                         "volume.name_taken"));
    CHECK(creating_gives(with(box_config("v"), of_volume("/m", "fresh", "existing")), MSB_OK, ""));
    CHECK_OK(err, remove_volume("fresh", &err));
}

TEST(a_volume_is_ensured_to_be_as_asked) {
    msb_error *err = NULL;
    for (int i = 0; i < 2; i++) {
        msb_mount_config *mount = of_volume("/m", "sure", "ensure");
        CHECK_OK(err, msb_mount_config_set_volume_quota_mib(mount, 5, &err));
        CHECK(creating_gives(with(box_config("v"), mount), MSB_OK, ""));
    }
    CHECK(creating_gives(with(box_config("v"), of_volume("/m", "sure", "ensure")), MSB_OK, ""));
    msb_mount_config *mount = of_volume("/m", "sure", "ensure");
    CHECK_OK(err, msb_mount_config_set_volume_quota_mib(mount, 6, &err));
    CHECK(creating_gives(with(box_config("v"), mount), MSB_ERR_CONFLICT, "volume.unlike"));
    mount = of_volume("/m", "sure", "ensure");
    CHECK_OK(err, msb_mount_config_set_volume_kind(mount, "disk", &err));
    CHECK_OK(err, msb_mount_config_set_volume_capacity_mib(mount, 64, &err));
    CHECK(creating_gives(with(box_config("v"), mount), MSB_ERR_CONFLICT, "volume.unlike"));
    CHECK_OK(err, remove_volume("sure", &err));
}

TEST(a_creation_that_fails_leaves_no_volume) {
    msb_sandbox first = created_box(backend, "taken");
    CHECK(creating_gives(with(box_config("taken"), of_volume("/m", "undone", "create")), MSB_ERR_ALREADY_EXISTS,
                         "sandbox.name_taken"));
    CHECK(!volume_exists("undone"));
    msb_sandbox_config *config = with(box_config("v"), of_volume("/a", "undone", "ensure"));
    CHECK(creating_gives(with(config, of_volume("/b", "none", "existing")), MSB_ERR_NOT_FOUND, "volume.not_found"));
    CHECK(!volume_exists("undone"));
    discard_box(&first);
}

TEST(a_disk_volume_is_mounted_once_in_a_sandbox) {
    msb_error *err = NULL;
    msb_mount_config *mount = of_volume("/a", "disk", "create");
    CHECK_OK(err, msb_mount_config_set_volume_kind(mount, "disk", &err));
    CHECK_OK(err, msb_mount_config_set_volume_capacity_mib(mount, 64, &err));
    CHECK(creating_gives(with(box_config("v"), mount), MSB_OK, ""));
    msb_sandbox_config *config = with(box_config("v"), of_volume("/a", "disk", "existing"));
    CHECK(creating_gives(with(config, of_volume("/b", "disk", "existing")), MSB_ERR_INVALID_ARGUMENT,
                         "volume.attached_twice"));
    CHECK_OK(err, remove_volume("disk", &err));
}

TEST(a_volume_that_a_sandbox_was_created_with_is_not_removed) {
    msb_error *err = NULL;
    msb_sandbox box = create_from(backend, with(box_config("holder"), of_volume("/m", "held", "create")));
    msb_status status = remove_volume("held", &err);
    CHECK(status == MSB_ERR_BUSY && strstr(msb_error_message(err), "holder"));
    msb_error_free(err);
    err = NULL;
    CHECK(volume_exists("held"));
    discard_box(&box);
    CHECK_OK(err, remove_volume("held", &err));
}

/* ---- sandboxes ---- */

TEST(an_info_tells_of_each_mount) {
    msb_error *err = NULL;
    msb_sandbox_info *info = NULL;
    msb_mount_config *bind = of_path("/b/", work);
    CHECK_OK(err, msb_mount_config_set_read_only(bind, 1, &err));
    CHECK_OK(err, msb_mount_config_set_nodev(bind, 1, &err));
    msb_mount_config *memory = msb_mount_config_new("/t");
    CHECK_OK(err, msb_mount_config_set_tmpfs(memory, 1, &err));
    msb_sandbox_config *config = with(with(box_config("told"), bind), memory);
    msb_sandbox box = create_from(backend, with(config, of_volume("/v", "told", "create")));
    CHECK_OK(err, msb_sandbox_info_get(box, &info, &err));
    CHECK(msb_sandbox_info_mount_count(info) == 3);
    CHECK(strcmp(msb_sandbox_info_mount_guest_path(info, 0), "/b") == 0);
    CHECK(strcmp(msb_sandbox_info_mount_kind(info, 0), "bind") == 0);
    CHECK(strcmp(msb_sandbox_info_mount_source(info, 0), work) == 0);
    CHECK(msb_sandbox_info_mount_flags(info, 0) == (MSB_MOUNT_READ_ONLY | MSB_MOUNT_NODEV));
    CHECK(strcmp(msb_sandbox_info_mount_kind(info, 1), "tmpfs") == 0);
    CHECK(strcmp(msb_sandbox_info_mount_source(info, 1), "") == 0);
    CHECK(strcmp(msb_sandbox_info_mount_kind(info, 2), "volume") == 0);
    CHECK(strcmp(msb_sandbox_info_mount_source(info, 2), "told") == 0);
    CHECK(msb_sandbox_info_mount_flags(info, 2) == 0);
    CHECK(msb_sandbox_info_mount_kind(info, 3) == NULL && msb_sandbox_info_mount_count(NULL) == 0);
    CHECK(strstr(msb_sandbox_info_config(info), "\"type\":\"Named\"") != NULL);
    msb_sandbox_info_free(info);
    discard_box(&box);
    CHECK_OK(err, remove_volume("told", &err));
}

TEST(a_driver_without_mounts_says_so_and_holds_no_volume) {
    msb_error *err = NULL;
    msb_sandbox box = create_from(backend, with(box_config("none"), of_volume("/m", "idle", "create")));
    msb_status status = msb_sandbox_start(box, -1, &err);
    CHECK(status == MSB_ERR_UNSUPPORTED && strstr(msb_error_message(err), "/m"));
    msb_error_free(err);
    err = NULL;
    CHECK(has_status(box, "Created"));
    discard_box(&box);
    CHECK_OK(err, remove_volume("idle", &err));
}

/* ---- roots ---- */

TEST(a_root_is_a_directory_or_a_disk_image) {
    msb_error *err = NULL;
    msb_sandbox_config *config = box_config("r");
    write_file(in_work("root.img"), 4096, 1080, "\x53\xef", 2);
    write_file(in_work("text"), 4096, 0, "hello", 5);
    CHECK_OK(err, msb_sandbox_config_set_image(config, in_work("root.img"), &err));
    CHECK(creating_gives(config, MSB_OK, ""));
    config = box_config("r");
    CHECK_OK(err, msb_sandbox_config_set_image(config, in_work("text"), &err));
    CHECK(creating_gives(config, MSB_ERR_UNSUPPORTED, "disk.kind"));
    config = box_config("r");
    CHECK_OK(err, msb_sandbox_config_set_image(config, in_work("none"), &err));
    CHECK(creating_gives(config, MSB_ERR_NOT_FOUND, "image.not_found"));
}

TEST(a_root_that_is_written_through_is_a_directory_and_keeps_nothing_apart) {
    msb_error *err = NULL;
    msb_sandbox_info *info = NULL;
    msb_sandbox_config *config = box_config("r");
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_sandbox_config_set_root_mode(config, "both", &err));
    CHECK_OK(err, msb_sandbox_config_set_root_mode(config, "bind", &err));
    CHECK_OK(err, msb_sandbox_config_set_image(config, work, &err));
    msb_sandbox box = create_from(backend, config);
    CHECK_OK(err, msb_sandbox_info_get(box, &info, &err));
    CHECK(strstr(msb_sandbox_info_config(info), "\"image\":{\"Bind\":\"") != NULL);
    CHECK(strcmp(msb_sandbox_info_image(info), work) == 0);
    msb_sandbox_info_free(info);
    discard_box(&box);
    config = box_config("r");
    CHECK_OK(err, msb_sandbox_config_set_root_mode(config, "bind", &err));
    CHECK_OK(err, msb_sandbox_config_set_upper_size_mib(config, 64, &err));
    CHECK(creating_gives(config, MSB_ERR_INVALID_ARGUMENT, "option.invalid"));
    config = box_config("r");
    CHECK_OK(err, msb_sandbox_config_set_root_mode(config, "bind", &err));
    CHECK_OK(err, msb_sandbox_config_set_image(config, in_work("root.img"), &err));
    CHECK(creating_gives(config, MSB_ERR_UNSUPPORTED, "image.kind"));
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    snprintf(work, sizeof work, "%s-work", fixture_home);
    if (mkdir(work, 0700) != 0) return 2;
    backend = open_backend(fixture_home);
    RUN(a_path_in_the_guest_is_absolute_and_replaces_nothing_that_the_guest_needs);
    RUN(a_mount_shows_exactly_one_thing);
    RUN(options_of_another_source_are_refused);
    RUN(two_mounts_are_never_at_one_place);
    RUN(a_mount_is_the_same_in_json);
    RUN(what_is_bound_must_be_there_and_be_a_directory_or_a_file);
    RUN(a_disk_image_is_told_by_its_content_and_refers_to_no_other_file);
    RUN(a_volume_that_must_be_there_is_not_made);
    RUN(a_volume_is_made_with_its_sandbox_and_outlives_it);
    RUN(a_volume_is_ensured_to_be_as_asked);
    RUN(a_creation_that_fails_leaves_no_volume);
    RUN(a_disk_volume_is_mounted_once_in_a_sandbox);
    RUN(a_volume_that_a_sandbox_was_created_with_is_not_removed);
    RUN(an_info_tells_of_each_mount);
    RUN(a_driver_without_mounts_says_so_and_holds_no_volume);
    RUN(a_root_is_a_directory_or_a_disk_image);
    RUN(a_root_that_is_written_through_is_a_directory_and_keeps_nothing_apart);
    close_backend(&backend);
    remove_tree(work);
    return fixture_end();
}
