/*
 * What a guest sees and changes of the host: directories, single files, memory, disks, volumes with a quota, and roots
 * that are passed through or are disk images.
 *
 * What a driver cannot do it must refuse by name; nothing is left out in silence.
 */
#define _GNU_SOURCE
#include "vm.h"

static int on_krun(void) { return strcmp(driver, "krun") == 0; }

/* A path in the home; the ring holds the last few. */
static const char *at(const char *name) {
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", home, name);
    return path;
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    if (fd >= 0) close(fd);
}

static int holds(const char *path, const char *expected) {
    char text[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[length < 0 ? 0 : length] = 0;
    if (strcmp(text, expected) != 0) printf("       %s holds \"%s\", not \"%s\"\n", path, text, expected);
    return length >= 0 && strcmp(text, expected) == 0;
}

static void run(const char *command) {
    int status = system(command);
    if (status != 0) printf("       %s: %d\n", command, status);
    CHECK(status == 0);
}

/* An ext4 image of 64 MiB with what is in `content`, a directory or nothing. */
static void make_image(const char *path, const char *content) {
    char command[1200];
    snprintf(command, sizeof command, "truncate -s 64M '%s' && mke2fs -q -F -t ext4 %s%s%s '%s'", path,
             content ? "-d '" : "", content ? content : "", content ? "'" : "", path);
    run(command);
}

static void add(msb_sandbox_config *config, msb_mount_config *mount) {
    msb_error *err = NULL;
    CHECK_OK(err, msb_sandbox_config_add_mount(config, mount, &err));
    msb_mount_config_free(mount);
}

static msb_mount_config *bind_of(const char *guest_path, const char *path, int read_only) {
    msb_mount_config *mount = msb_mount_config_new(guest_path);
    msb_mount_config_set_bind(mount, path, NULL);
    msb_mount_config_set_read_only(mount, read_only, NULL);
    return mount;
}

/* Says so until the guest prints it; it may keep what it saw for a second. */
static int soon_says(msb_sandbox sandbox, const char *script, const char *expected) {
    double until = seconds() + 10;
    char *text;
    while (strcmp(text = shell(sandbox, script), expected) != 0 && seconds() < until) free(text);
    int same = strcmp(text, expected) == 0;
    if (!same) printf("       %s still printed \"%s\", not \"%s\"\n", script, text, expected);
    free(text);
    return same;
}

TEST(a_shared_directory_is_one_directory_for_host_and_guest) {
    mkdir(at("shared"), 0755);
    put(at("shared/host"), "from host\n");
    put(at("single"), "one\n");
    put(at("sibling"), "secret\n");
    msb_sandbox_config *config = config_of("shared");
    add(config, bind_of("/data/deep", at("shared"), 0));
    add(config, bind_of("/etc/single", at("single"), 0));
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "cd /data/deep; cat host; echo from guest > new; mkdir d; mv new d/moved; ln -s host link; ln d/moved hard;"
                              "chmod 640 d/moved; ls | tr '\\n' ' '; stat -c %a:%h d/moved",
                     "from host\nd hard host link 640:2\n"));
    CHECK(holds(at("shared/d/moved"), "from guest\n"));
    put(at("shared/host"), "changed by host\n");
    CHECK(soon_says(sandbox, "cat /data/deep/host", "changed by host\n"));
    /* No device node comes to be on the host, and nothing beside what is shared is in reach. */
    CHECK(shell_says(sandbox, "mknod /data/deep/null c 1 3 2>/dev/null || mknod /data/deep/sda b 8 0 2>/dev/null || echo refused", "refused\n"));
    CHECK(shell_says(sandbox, "cd /data/deep; ln -s /etc/hostname out; cat out 2>&1 | grep -c 'No such'; ls -a ../../.. | grep -cx data", "1\n1\n"));
    /* One file of a directory, both ways, and not its siblings, whatever root in the guest tries. */
    CHECK(shell_says(sandbox, "cat /etc/single; echo two >> /etc/single", "one\n"));
    CHECK(holds(at("single"), "one\ntwo\n"));
    put(at("single"), "three\n");
    CHECK(soon_says(sandbox, "cat /etc/single", "three\n"));
    CHECK(shell_says(sandbox, "mkdir /x; mount -t virtiofs msb-m1 /x; cat /x/sibling 2>/dev/null; ls /x 2>/dev/null | grep sibling;"
                              "echo bad 2>/dev/null > /x/made; rm -f /x/single 2>/dev/null; umount /x; echo done", "done\n"));
    CHECK(access(at("made"), F_OK) != 0 && access(at("single"), F_OK) == 0);
    stop(sandbox);
    CHECK(waited(sandbox, 0).clean == 1);
    CHECK(holds(at("shared/d/moved"), "from guest\n"));
    discard(&sandbox);
}

TEST(mount_flags_hold_and_read_only_holds_on_the_host) {
    mkdir(at("tools"), 0755);
    put(at("tools/kept"), "kept\n");
    char tool[1200];
    snprintf(tool, sizeof tool, "cp '%s/bin/busybox' '%s'", root, at("tools/busybox"));
    run(tool);
    msb_sandbox_config *config = config_of("flags");
    add(config, bind_of("/ro", at("tools"), 1));
    add(config, bind_of("/one", at("tools/kept"), 1));
    msb_mount_config *mount = bind_of("/noexec", at("tools"), 0);
    msb_mount_config_set_noexec(mount, 1, NULL);
    msb_mount_config_set_nosuid(mount, 1, NULL);
    msb_mount_config_set_nodev(mount, 1, NULL);
    add(config, mount);
    mount = msb_mount_config_new("/scratch");
    msb_mount_config_set_tmpfs(mount, 1, NULL);
    msb_mount_config_set_tmpfs_size_mib(mount, 4, NULL);
    msb_mount_config_set_tmpfs_mode(mount, 0750, NULL);
    msb_mount_config_set_uid(mount, 7, NULL);
    msb_mount_config_set_gid(mount, 8, NULL);
    add(config, mount);
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "for i in /ro /one /noexec; do grep \" $i \" /proc/mounts | cut -d' ' -f4; done",
                     "ro,relatime\nro,relatime\nrw,nosuid,nodev,noexec,relatime\n"));
    /* Without the guest's own flags the host still refuses. */
    CHECK(shell_says(sandbox, "mount -o remount,rw /ro; mount -o remount,rw /one; mkdir /again; mount -t virtiofs msb-m0 /again;"
                              "for i in /ro /again; do echo x 2>/dev/null > $i/kept || echo refused; rm $i/kept 2>/dev/null || echo kept;"
                              "chmod 777 $i/kept 2>/dev/null || echo same; done; echo x 2>/dev/null > /one || echo refused",
                     "refused\nkept\nsame\nrefused\nkept\nsame\nrefused\n"));
    CHECK(holds(at("tools/kept"), "kept\n"));
    CHECK(shell_says(sandbox, "/ro/busybox echo runs; /noexec/busybox echo runs 2>/dev/null || echo no", "runs\nno\n"));
    CHECK(shell_says(sandbox, "stat -c %a:%u:%g /scratch; dd if=/dev/zero of=/scratch/x bs=1M count=8 2>&1 | grep -c 'No space'", "750:7:8\n1\n"));
    discard(&sandbox);
}

/* What could not even be created is gone already. */
static void discard_if_made(msb_sandbox *sandbox) {
    static const msb_sandbox none;
    if (memcmp(sandbox, &none, sizeof none) != 0) discard(sandbox);
}

static msb_sandbox with_disk(const char *name, const char *image, int read_only) {
    msb_sandbox_config *config = config_of(name);
    msb_mount_config *mount = msb_mount_config_new("/disk");
    msb_mount_config_set_disk(mount, image, NULL);
    msb_mount_config_set_read_only(mount, read_only, NULL);
    add(config, mount);
    return create(config);
}

static void refuses_to_start(msb_sandbox sandbox) {
    msb_error *err = NULL;
    msb_status status = msb_sandbox_start(sandbox, START_MS, &err);
    CHECK(status == MSB_ERR_BUSY || status == MSB_ERR_CONFLICT || status == MSB_ERR_GUEST_FAILED);
    CHECK(strstr(msb_error_message(err), "disk") != NULL);
    msb_error_free(err);
}

TEST(a_disk_has_one_writer_and_keeps_what_was_written) {
    make_image(at("disk.img"), NULL);
    msb_sandbox writer = with_disk("writer", at("disk.img"), 0), other = with_disk("other", at("disk.img"), 0);
    start(writer);
    CHECK(shell_says(writer, "grep ' /disk ' /proc/mounts | cut -d' ' -f3; echo kept > /disk/file", "ext4\n"));
    refuses_to_start(other);
    stop(writer);
    CHECK(waited(writer, 0).clean == 1);
    start(other);
    CHECK(shell_says(other, "cat /disk/file", "kept\n"));
    refuses_to_start(writer);
    discard(&other);
    discard(&writer);
    char check[600];
    snprintf(check, sizeof check, "e2fsck -fn '%s' >/dev/null 2>&1", at("disk.img"));
    run(check);
}

/* Big-endian, as in qcow2. */
static void number(unsigned char *to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
}

/* A qcow2 image with the same content as the raw one: header, refcounts, one table of each level, then the data. */
static void make_qcow2(const char *raw, const char *path) {
    enum { CLUSTER = 65536, DATA = 5 };
    static unsigned char metadata[DATA][CLUSTER], cluster[CLUSTER];
    struct stat meta;
    int from = open(raw, O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(from >= 0 && to >= 0 && fstat(from, &meta) == 0);
    uint64_t clusters = (uint64_t)meta.st_size / CLUSTER;
    memset(metadata, 0, sizeof metadata);
    unsigned char *header = metadata[0];
    memcpy(header, "QFI\xfb", 4);
    number(header + 4, 3, 4);
    number(header + 20, 16, 4);                   /* bits of a cluster's size */
    number(header + 24, (uint64_t)meta.st_size, 8);
    number(header + 36, 1, 4);                    /* entries of the first table */
    number(header + 40, 3 * CLUSTER, 8);
    number(header + 48, CLUSTER, 8);              /* table of refcounts */
    number(header + 56, 1, 4);
    number(header + 96, 4, 4);                    /* refcounts of 16 bits */
    number(header + 100, 104, 4);                 /* length of the header */
    number(metadata[1], 2 * CLUSTER, 8);
    for (uint64_t i = 0; i < DATA + clusters; i++) number(metadata[2] + 2 * i, 1, 2);
    number(metadata[3], 4 * CLUSTER | 1ULL << 63, 8);
    for (uint64_t i = 0; i < clusters; i++) number(metadata[4] + 8 * i, (DATA + i) * CLUSTER | 1ULL << 63, 8);
    CHECK(write(to, metadata, sizeof metadata) == (ssize_t)sizeof metadata);
    for (uint64_t i = 0; i < clusters; i++)
        CHECK(read(from, cluster, CLUSTER) == CLUSTER && write(to, cluster, CLUSTER) == CLUSTER);
    close(from);
    close(to);
}

TEST(a_qcow2_disk_is_read_and_written) {
    make_image(at("raw.img"), at("tools"));
    make_qcow2(at("raw.img"), at("disk.qcow2"));
    msb_sandbox sandbox = with_disk("qcow2", at("disk.qcow2"), 0);
    start(sandbox);
    CHECK(shell_says(sandbox, "cat /disk/kept; dd if=/dev/urandom of=/disk/big bs=1M count=8 2>/dev/null; cp /disk/big /tmp; sync", "kept\n"));
    char *before = shell(sandbox, "md5sum < /disk/big");
    stop(sandbox);
    start(sandbox);
    CHECK(shell_says(sandbox, "md5sum < /disk/big", before));
    free(before);
    discard(&sandbox);
}

TEST(a_quota_holds_for_the_guest_and_the_host_together) {
    msb_volume_config *volume_config = msb_volume_config_new("limited");
    msb_volume_config_set_quota_mib(volume_config, 2, NULL);
    msb_volume volume = {0};
    msb_error *err = NULL;
    CHECK_OK(err, msb_volume_create(backend, volume_config, &volume, &err));
    msb_volume_config_free(volume_config);
    msb_sandbox_config *config = config_of("quota");
    msb_mount_config *mount = msb_mount_config_new("/v");
    msb_mount_config_set_volume(mount, "limited", NULL);
    add(config, mount);
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "dd if=/dev/zero of=/v/a bs=64k count=40 2>&1 | grep -c quota; stat -c %s /v/a", "1\n2097152\n"));
    CHECK_STATUS(MSB_ERR_DISK_FULL, err, msb_volume_fs_write(volume, "b", "x", 1, 0, 0600, &err));
    /* What is removed but open counts until it is closed. */
    CHECK(shell_says(sandbox, "exec 3</v/a; rm /v/a; dd if=/dev/zero of=/v/b bs=64k count=1 2>&1 | grep -c quota; exec 3<&-;"
                              "rm /v/b; dd if=/dev/zero of=/v/b bs=64k count=16 2>&1 | grep -c quota || true", "1\n0\n"));
    static char megabyte[1 << 20];
    CHECK_OK(err, msb_volume_fs_write(volume, "host", megabyte, sizeof megabyte, 0, 0600, &err));
    CHECK(shell_says(sandbox, "echo x 2>/dev/null > /v/c; echo more 2>/dev/null >> /v/b || echo full; ls /v | tr '\n' ' '", "full\nb c host "));
    if (!on_krun()) CHECK(shell_says(sandbox, "df -k /v | awk 'NR==2 {print $2}'", "2048\n"));
    discard(&sandbox);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(a_grown_disk_volume_has_its_size_and_its_files_in_a_guest) {
    msb_error *err = NULL;
    msb_volume volume = {0};
    msb_volume_config *volume_config = msb_volume_config_new("grown");
    CHECK_OK(err, msb_volume_config_set_kind(volume_config, "disk", &err));
    CHECK_OK(err, msb_volume_config_set_capacity_mib(volume_config, 64, &err));
    CHECK_OK(err, msb_volume_create(backend, volume_config, &volume, &err));
    msb_volume_config_free(volume_config);
    msb_sandbox_config *config = config_of("grower");
    msb_mount_config *mount = msb_mount_config_new("/v");
    CHECK_OK(err, msb_mount_config_set_volume(mount, "grown", &err));
    add(config, mount);
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "cd /v; head -c 20000000 /dev/urandom > data; md5sum data > sum; mkdir -p a/b; ln -s ../data a/link;"
                              "[ $(df -k /v | awk 'NR==2 {print $2}') -lt 65536 ] && echo small", "small\n"));
    CHECK_STATUS(MSB_ERR_BUSY, err, msb_volume_resize(volume, 256, &err));
    stop(sandbox);
    CHECK(waited(sandbox, 0).clean == 1);
    CHECK_OK(err, msb_volume_resize(volume, 256, &err));
    start(sandbox);
    /* The new room can be filled, which takes the new block groups to be right. */
    CHECK(shell_says(sandbox, "cd /v; md5sum -c sum; readlink a/link; [ $(df -k /v | awk 'NR==2 {print $2}') -gt 220000 ] && echo large;"
                              "dd if=/dev/zero of=more bs=1M count=180 2>/dev/null && sync && stat -c %s more && md5sum -c sum",
                     "data: OK\n../data\nlarge\n188743680\ndata: OK\n"));
    stop(sandbox);
    CHECK(waited(sandbox, 0).clean == 1);
    discard(&sandbox);
    char check[600];
    snprintf(check, sizeof check, "e2fsck -fn '%s' >/dev/null 2>&1", at("volumes/grown/disk.raw"));
    run(check);
    CHECK_OK(err, msb_volume_remove(volume, &err));
    msb_volume_release(&volume);
}

TEST(a_share_shows_the_owner_that_was_asked_for) {
    mkdir(at("owned"), 0755);
    put(at("owned/file"), "x\n");
    msb_sandbox_config *config = config_of("owner");
    msb_mount_config *mount = bind_of("/o", at("owned"), 0);
    msb_mount_config_set_uid(mount, 1234, NULL);
    msb_mount_config_set_gid(mount, 1235, NULL);
    add(config, mount);
    msb_sandbox sandbox = {0};
    msb_error *err = NULL;
    msb_status status = msb_sandbox_create(backend, config, &sandbox, &err);
    msb_sandbox_config_free(config);
    if (on_krun()) {
        if (status == MSB_OK) status = msb_sandbox_start(sandbox, START_MS, &err);
        CHECK(status == MSB_ERR_UNSUPPORTED && strstr(msb_error_message(err), "qemu") != NULL);
        msb_error_free(err);
    } else {
        struct stat made, directory;
        start(sandbox);
        CHECK(shell_says(sandbox, "touch /o/made; stat -c %u:%g /o /o/file /o/made", "1234:1235\n1234:1235\n1234:1235\n"));
        CHECK(stat(at("owned/made"), &made) == 0 && stat(at("owned"), &directory) == 0 && made.st_uid == directory.st_uid);
    }
    discard_if_made(&sandbox);
}

TEST(a_machine_takes_as_many_mounts_as_it_says) {
    enum { MOST = 4 };
    for (int count = MOST; count <= MOST + 1; count++) {
        char name[32], guest_path[32];
        snprintf(name, sizeof name, "many%d", count);
        msb_sandbox_config *config = config_of(name);
        for (int i = 0; i < count; i++) {
            snprintf(guest_path, sizeof guest_path, "/many/%d", i);
            add(config, bind_of(guest_path, at("shared"), i % 2));
        }
        msb_sandbox sandbox = {0};
        msb_error *err = NULL;
        msb_status status = msb_sandbox_create(backend, config, &sandbox, &err);
        msb_sandbox_config_free(config);
        if (status == MSB_OK) status = msb_sandbox_start(sandbox, START_MS, &err);
        if (count == MOST) {
            CHECK(status == MSB_OK && shell_says(sandbox, "cat /many/*/host | sort -u", "changed by host\n"));
        } else {
            CHECK(status == MSB_ERR_RESOURCE_EXHAUSTED && strstr(msb_error_message(err), " 4") != NULL);
        }
        msb_error_free(err);
        discard_if_made(&sandbox);
    }
}

TEST(a_root_is_passed_through_when_that_is_asked_for) {
    char command[1200];
    snprintf(command, sizeof command, "mkdir '%s' && cp -a '%s/bin' '%s'", at("bound"), root, at("bound"));
    run(command);
    mkdir(at("bound/etc"), 0755);
    put(at("bound/etc/hosts"), "10.0.0.1 db\n");
    msb_sandbox_config *config = msb_sandbox_config_new("bound");
    msb_error *err = NULL;
    msb_sandbox_config_set_image(config, at("bound"), NULL);
    msb_sandbox_config_set_memory_mib(config, 256, NULL);
    CHECK_OK(err, msb_sandbox_config_set_root_mode(config, "bind", &err));
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "grep -c -e db -e bound /etc/hosts; echo written > /file; rm /bin/vi 2>/dev/null; ls / | tr '\\n' ' '",
                     "2\nbin dev etc file proc sys "));
    stop(sandbox);
    CHECK(waited(sandbox, 0).clean == 1);
    CHECK(holds(at("bound/file"), "written\n"));
    CHECK(holds(at("bound/etc/hosts"), "10.0.0.1 db\n"));
    discard(&sandbox);
    CHECK(holds(at("bound/file"), "written\n"));
}

TEST(a_disk_image_is_a_root_that_is_never_changed) {
    make_image(at("root.img"), root);
    char sums[600], before[128] = "", after[128] = "";
    snprintf(sums, sizeof sums, "md5sum < '%s'", at("root.img"));
    FILE *sum = popen(sums, "r");
    CHECK(sum && fgets(before, sizeof before, sum));
    if (sum) pclose(sum);
    msb_sandbox_config *config = config_of("image");
    msb_sandbox_config_set_image(config, at("root.img"), NULL);
    msb_sandbox sandbox = create(config);
    start(sandbox);
    CHECK(shell_says(sandbox, "echo kept > /kept; rm /etc/passwd; cat /kept", "kept\n"));
    stop(sandbox);
    start(sandbox);
    CHECK(shell_says(sandbox, "cat /kept; ls /etc/passwd 2>/dev/null | wc -l", "kept\n0\n"));
    discard(&sandbox);
    sum = popen(sums, "r");
    CHECK(sum && fgets(after, sizeof after, sum));
    if (sum) pclose(sum);
    CHECK(strcmp(before, after) == 0);
}

int main(void) {
    if (!begin()) return 2;
    RUN(a_shared_directory_is_one_directory_for_host_and_guest);
    RUN(mount_flags_hold_and_read_only_holds_on_the_host);
    RUN(a_disk_has_one_writer_and_keeps_what_was_written);
    RUN(a_qcow2_disk_is_read_and_written);
    RUN(a_quota_holds_for_the_guest_and_the_host_together);
    RUN(a_grown_disk_volume_has_its_size_and_its_files_in_a_guest);
    RUN(a_share_shows_the_owner_that_was_asked_for);
    RUN(a_machine_takes_as_many_mounts_as_it_says);
    RUN(a_root_is_passed_through_when_that_is_asked_for);
    RUN(a_disk_image_is_a_root_that_is_never_changed);
    return finish();
}
