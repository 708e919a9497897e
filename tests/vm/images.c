/*
 * Images as roots of real guests: layers over each other with what they take away, defaults of commands, what a guest writes,
 * and several guests on one image.
 */
#define _GNU_SOURCE
#include "vm.h"

/* A layout of two layers: the busybox root, and one that adds, replaces and takes away. */
static const char LAYOUT[] =
    "set -eu; cd \"$1\"; mkdir -p image/blobs/sha256 top/etc top/bin; "
    "printf 'second layer\\n' > top/etc/motd; : > top/bin/.wh.false; mkdir top/srv; printf kept > top/srv/file; chmod 4711 top/srv/file; "
    "tar --numeric-owner --owner=0 --group=0 -C \"$2\" -cf base.tar .; tar --numeric-owner --owner=0 --group=0 -C top -cf top.tar .; "
    "add() { d=$(sha256sum < \"$1\" | cut -d' ' -f1); cp \"$1\" image/blobs/sha256/$d; echo $d; }; "
    "size() { stat -c %s \"$1\"; }; base=$(add base.tar); top=$(add top.tar); "
    "printf '{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"GREETING=from the image\",\"PATH=/bin\"],"
    "\"WorkingDir\":\"/srv\",\"Labels\":{\"made\":\"here\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\",\"sha256:%s\"]}}' "
    "$base $top > config; config=$(add config); "
    "l=application/vnd.oci.image.layer.v1.tar; "
    "printf '{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":"
    "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:%s\",\"size\":%s},\"layers\":["
    "{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%s},{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%s}]}' "
    "$config $(size config) $l $base $(size base.tar) $l $top $(size top.tar) > manifest; manifest=$(add manifest); "
    "printf '{\"imageLayoutVersion\":\"1.0.0\"}' > image/oci-layout; "
    "printf '{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:%s\","
    "\"size\":%s}]}' $manifest $(size manifest) > image/index.json";

static void make_layout(void) {
    char directory[512];
    snprintf(directory, sizeof directory, "%s/source", home);
    CHECK(mkdir(directory, 0700) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", LAYOUT, "sh", directory, root, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static msb_sandbox boot(const char *name) {
    msb_error *err = NULL;
    msb_sandbox_config *config = config_of(name);
    CHECK_OK(err, msb_sandbox_config_set_image(config, "layered", &err));
    CHECK_OK(err, msb_sandbox_config_set_env(config, "OWN", "value", &err));
    CHECK_OK(err, msb_sandbox_config_add_script(config, "greet", "#!/bin/sh\necho \"hello, $1\"\n", &err));
    msb_sandbox sandbox = create(config);
    start(sandbox);
    return sandbox;
}

TEST(a_guest_sees_its_image_and_keeps_what_it_writes) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    char path[512];
    make_layout();
    snprintf(path, sizeof path, "%s/source/image", home);
    msb_image_load_config *load = msb_image_load_config_new();
    CHECK_OK(err, msb_image_load_config_set_reference(load, "layered", &err));
    CHECK_OK(err, msb_image_load(backend, path, load, &info, &err));
    CHECK(msb_image_info_layer_count(info) == 2);
    msb_image_info_free(info);
    msb_image_load_config_free(load);

    msb_sandbox first = boot("first");
    CHECK(shell_says(first, "cat /etc/motd; ls /bin/false 2>&1 >/dev/null | wc -l; stat -c %a:%u /srv/file; pwd; echo $GREETING, $OWN",
                     "second layer\n1\n4711:0\n/srv\nfrom the image, value\n"));
    CHECK(shell_says(first, "echo mine > /etc/motd; rm /srv/file; mv /bin/true /bin/truth; sync; cat /etc/motd", "mine\n"));
    /* Another guest on the same image, at the same time, sees none of it. */
    msb_sandbox second = boot("second");
    CHECK(shell_says(second, "cat /etc/motd /srv/file; ls /bin/true", "second layer\nkept/bin/true\n"));
    discard(&second);
    stop(first);
    start(first);
    CHECK(shell_says(first, "cat /etc/motd; ls /srv /bin/truth", "mine\n/bin/truth\n\n/srv:\n"));
    /* After a restart too, executable for every user, and with the image's PATH behind it. */
    CHECK(shell_says(first, "greet you; stat -c %a:%u /.msb/scripts /.msb/scripts/greet; echo $PATH",
                     "hello, you\n755:0\n755:0\n/.msb/scripts:/bin\n"));
    CHECK_STATUS(MSB_ERR_BUSY, err, msb_image_remove(backend, "layered", &err));
    discard(&first);
    CHECK_OK(err, msb_image_remove(backend, "layered", &err));
}

/* A sandbox of this image comes up and has the busybox root. */
static void boots_from(const char *name, const char *image) {
    msb_error *err = NULL;
    msb_sandbox_config *config = config_of(name);
    CHECK_OK(err, msb_sandbox_config_set_image(config, image, &err));
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "echo written > /new && cat /new && ls /bin/busybox", "written\n/bin/busybox\n"));
    discard(&sandbox);
}

TEST(a_layout_and_disks_with_erofs_and_btrfs_are_roots_by_their_paths) {
    char layout[512], disk[512], command[2400];
    snprintf(layout, sizeof layout, "%s/source/image", home);
    boots_from("from-layout", layout);
    snprintf(disk, sizeof disk, "%s/root.erofs", home);
    snprintf(command, sizeof command, "mkfs.erofs --quiet '%s' '%s' >/dev/null", disk, root);
    CHECK(system(command) == 0);
    boots_from("from-erofs", disk);
    snprintf(disk, sizeof disk, "%s/root.btrfs", home);
    snprintf(command, sizeof command, "truncate -s 256M '%s' && mkfs.btrfs -q --rootdir '%s' '%s' >/dev/null", disk, root, disk);
    CHECK(system(command) == 0);
    boots_from("from-btrfs", disk);
}

/* Adds a patch to a config; what is not given is NULL or, of mode and owner, -1. */
static void patch(msb_sandbox_config *config, const char *op, const char *path, const char *what, int mode, int owner, int replace) {
    msb_error *err = NULL;
    msb_patch_config *patch = msb_patch_config_new(op, path);
    if (strcmp(op, "text") == 0 || strcmp(op, "append") == 0) CHECK_OK(err, msb_patch_config_set_text(patch, what, &err));
    if (strcmp(op, "file") == 0) CHECK_OK(err, msb_patch_config_set_data(patch, what, strlen(what) + 1, &err));
    if (strcmp(op, "symlink") == 0) CHECK_OK(err, msb_patch_config_set_target(patch, what, &err));
    if (strncmp(op, "copy", 4) == 0) CHECK_OK(err, msb_patch_config_set_source(patch, what, &err));
    if (mode >= 0) CHECK_OK(err, msb_patch_config_set_mode(patch, (uint32_t)mode, &err));
    if (owner >= 0) {
        CHECK_OK(err, msb_patch_config_set_uid(patch, (uint32_t)owner, &err));
        CHECK_OK(err, msb_patch_config_set_gid(patch, (uint32_t)owner + 1, &err));
    }
    CHECK_OK(err, msb_patch_config_set_replace(patch, replace, &err));
    CHECK_OK(err, msb_sandbox_config_add_patch(config, patch, &err));
    msb_patch_config_free(patch);
}

static msb_sandbox_config *of_layout(const char *name) {
    msb_error *err = NULL;
    char layout[512];
    msb_sandbox_config *config = config_of(name);
    snprintf(layout, sizeof layout, "%s/source/image", home);
    CHECK_OK(err, msb_sandbox_config_set_image(config, layout, &err));
    return config;
}

TEST(patches_are_in_the_root_before_anybody_uses_it_and_are_applied_once) {
    char directory[512], file[600], command[2400];
    snprintf(directory, sizeof directory, "%s/given", home);
    snprintf(file, sizeof file, "%s/one", directory);
    snprintf(command, sizeof command, "mkdir -p '%s/deep' && printf one > '%s' && chmod 751 '%s' && ln -s one '%s/deep/link'",
             directory, file, file, directory);
    CHECK(system(command) == 0);
    msb_sandbox_config *config = of_layout("patched");
    patch(config, "text", "/opt/app/app.conf", "key = value\n", 0640, 5, 0);
    patch(config, "file", "/opt/app/bytes", "three", -1, -1, 0);
    patch(config, "mkdir", "/var/lib/app", NULL, 01700, 7, 0);
    patch(config, "append", "/etc/motd", "appended\n", -1, -1, 0);
    patch(config, "copy_file", "/opt/one", file, -1, -1, 0);
    patch(config, "copy_dir", "/opt/given", directory, -1, 9, 0);
    patch(config, "symlink", "/opt/motd", "../etc/motd", -1, -1, 0);
    patch(config, "remove", "/srv/file", NULL, -1, -1, 0);
    patch(config, "remove", "/not/there", NULL, -1, -1, 0);
    patch(config, "text", "/bin/true", "#!/bin/sh\necho other\n", 04755, -1, 1);
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_config_set_workdir(config, "/work/that is/missing", &err));
    msb_sandbox box = create(config);
    start(box);
    CHECK(shell_says(box, "pwd; stat -c %a:%u /work", "/work/that is/missing\n755:0\n"));
    CHECK(shell_says(box, "cd /opt; stat -c '%n %a %u:%g' app app/app.conf app/bytes /var/lib/app one given given/one given/deep/link",
                     "app 755 0:0\napp/app.conf 640 5:6\napp/bytes 644 0:0\n/var/lib/app 1700 7:8\none 751 0:0\ngiven 755 9:10\n"
                     "given/one 751 9:10\ngiven/deep/link 777 9:10\n"));
    CHECK(shell_says(box, "cd /opt; cat app/app.conf one given/one motd; stat -c %s app/bytes; ls /srv; stat -c %a /bin/true; /bin/true",
                     "key = value\noneonesecond layer\nappended\n6\n4755\nother\n"));
    CHECK(shell_says(box, "echo mine >> /etc/motd; rm /opt/one; sync", ""));
    stop(box);
    start(box);
    CHECK(shell_says(box, "cat /etc/motd; ls /opt", "second layer\nappended\nmine\napp\ngiven\nmotd\n"));
    discard(&box);
}

TEST(a_patch_that_cannot_be_applied_ends_the_start_and_the_next_begins_anew) {
    msb_error *err = NULL;
    msb_sandbox_config *config = of_layout("unpatched");
    patch(config, "append", "/etc/motd", "appended\n", -1, -1, 0);
    patch(config, "text", "/srv/file", "new", -1, -1, 0);
    msb_sandbox box = create(config);
    for (int attempt = 0; attempt < 2; attempt++) {
        size_t len = 0;
        msb_status status = msb_sandbox_start(box, START_MS, &err);
        CHECK(status == MSB_ERR_ALREADY_EXISTS && strcmp(msb_error_reason(err), "sandbox.patch") == 0);
        const uint8_t *index = msb_error_detail(err, "patch", &len);
        CHECK(index && len == 1 && *index == '1' && strstr(msb_error_message(err), "/srv/file is a file"));
        if (status != MSB_ERR_ALREADY_EXISTS) printf("       %s\n", msb_error_message(err));
        msb_error_free(err);
        err = NULL;
    }
    discard(&box);
}

TEST(a_root_in_memory_is_patched_at_every_start) {
    msb_error *err = NULL;
    msb_sandbox_config *config = of_layout("in-memory");
    CHECK_OK(err, msb_sandbox_config_set_upper(config, "tmpfs", &err));
    patch(config, "append", "/etc/motd", "appended\n", -1, -1, 0);
    msb_sandbox box = create(config);
    for (int run = 0; run < 2; run++) {
        start(box);
        CHECK(shell_says(box, "cat /etc/motd; echo lost > /etc/motd", "second layer\nappended\n"));
        stop(box);
    }
    discard(&box);
}

TEST(a_directory_that_is_the_root_itself_is_patched_once) {
    msb_error *err = NULL;
    char bound[512], command[1200];
    snprintf(bound, sizeof bound, "%s/bound", home);
    snprintf(command, sizeof command, "cp -a '%s' '%s'", root, bound);
    CHECK(system(command) == 0);
    /* Not that of the others, whose upper has a size. */
    msb_sandbox_config *config = msb_sandbox_config_new("bound");
    CHECK_OK(err, msb_sandbox_config_set_image(config, bound, &err));
    CHECK_OK(err, msb_sandbox_config_set_memory_mib(config, 256, &err));
    CHECK_OK(err, msb_sandbox_config_set_root_mode(config, "bind", &err));
    patch(config, "text", "/srv/made", "made\n", 0600, -1, 0);
    patch(config, "append", "/srv/made", "appended\n", -1, -1, 0);
    msb_sandbox box = create(config);
    for (int run = 0; run < 2; run++) {
        start(box);
        CHECK(shell_says(box, "cat /srv/made; stat -c %a /srv/made", "made\nappended\n600\n"));
        stop(box);
    }
    snprintf(command, sizeof command, "printf 'made\\nappended\\n' | cmp -s - '%s/srv/made'", bound);
    CHECK(system(command) == 0);
    discard(&box);
}

int main(void) {
    if (!begin()) return 2;
    RUN(a_guest_sees_its_image_and_keeps_what_it_writes);
    RUN(a_layout_and_disks_with_erofs_and_btrfs_are_roots_by_their_paths);
    RUN(patches_are_in_the_root_before_anybody_uses_it_and_are_applied_once);
    RUN(a_patch_that_cannot_be_applied_ends_the_start_and_the_next_begins_anew);
    RUN(a_root_in_memory_is_patched_at_every_start);
    RUN(a_directory_that_is_the_root_itself_is_patched_once);
    return finish();
}
