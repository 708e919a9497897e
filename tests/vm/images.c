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

TEST(a_layout_and_an_erofs_disk_are_roots_by_their_paths) {
    char layout[512], disk[512], command[1200];
    snprintf(layout, sizeof layout, "%s/source/image", home);
    boots_from("from-layout", layout);
    snprintf(disk, sizeof disk, "%s/root.erofs", home);
    snprintf(command, sizeof command, "mkfs.erofs --quiet '%s' '%s' >/dev/null", disk, root);
    CHECK(system(command) == 0);
    boots_from("from-erofs", disk);
}

int main(void) {
    if (!begin()) return 2;
    RUN(a_guest_sees_its_image_and_keeps_what_it_writes);
    RUN(a_layout_and_an_erofs_disk_are_roots_by_their_paths);
    return finish();
}
