// What a sandbox is made of: `msb::sandbox_config`, its mounts and patches, and `msb::sandbox_filter`, by which sandboxes are found. Options
// are explained in msb.h, at the functions named beside them.
#ifndef MSB_SANDBOX_CONFIG_HPP
#define MSB_SANDBOX_CONFIG_HPP

#include <msb/config.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

// What the guest sees at a path: exactly one of `volume`, `bind`, `tmpfs` and `disk`.
class mount_config : public detail::config<mount_config, msb_mount_config, msb_mount_config_free> {
public:
    using self = mount_config;
    using config::config;

    explicit mount_config(const text &guest_path) : config(msb_mount_config_new(nullptr)) { this->guest_path(guest_path); }
    MSB_HPP_JSON(msb_mount_config_from_json, msb_mount_config_to_json)

    MSB_HPP_OPTION(guest_path, msb_mount_config_set_guest_path, (const text &path), path)
    MSB_HPP_OPTION(volume, msb_mount_config_set_volume, (const text &name), name)
    MSB_HPP_OPTION(volume_mode, msb_mount_config_set_volume_mode, (const text &mode), mode)
    MSB_HPP_OPTION(volume_kind, msb_mount_config_set_volume_kind, (const text &kind), kind)
    MSB_HPP_OPTION(volume_quota_mib, msb_mount_config_set_volume_quota_mib, (std::uint64_t mib), mib)
    MSB_HPP_OPTION(volume_capacity_mib, msb_mount_config_set_volume_capacity_mib, (std::uint64_t mib), mib)
    MSB_HPP_OPTION(bind, msb_mount_config_set_bind, (const text &path), path)
    MSB_HPP_OPTION(tmpfs, msb_mount_config_set_tmpfs, (bool tmpfs = true), tmpfs)
    MSB_HPP_OPTION(tmpfs_size_mib, msb_mount_config_set_tmpfs_size_mib, (std::uint32_t mib), mib)
    MSB_HPP_OPTION(tmpfs_mode, msb_mount_config_set_tmpfs_mode, (std::uint32_t mode), mode)
    MSB_HPP_OPTION(disk, msb_mount_config_set_disk, (const text &path), path)
    MSB_HPP_OPTION(disk_format, msb_mount_config_set_disk_format, (const text &format), format)
    MSB_HPP_OPTION(disk_fstype, msb_mount_config_set_disk_fstype, (const text &fstype), fstype)
    MSB_HPP_OPTION(read_only, msb_mount_config_set_read_only, (bool read_only = true), read_only)
    MSB_HPP_OPTION(noexec, msb_mount_config_set_noexec, (bool noexec = true), noexec)
    MSB_HPP_OPTION(nosuid, msb_mount_config_set_nosuid, (bool nosuid = true), nosuid)
    MSB_HPP_OPTION(nodev, msb_mount_config_set_nodev, (bool nodev = true), nodev)
    MSB_HPP_OPTION(uid, msb_mount_config_set_uid, (std::uint32_t uid), uid)
    MSB_HPP_OPTION(gid, msb_mount_config_set_gid, (std::uint32_t gid), gid)
};

// One change of a sandbox's root before anybody uses it.
class patch_config : public detail::config<patch_config, msb_patch_config, msb_patch_config_free> {
public:
    using self = patch_config;
    using config::config;

    patch_config(const text &op, const text &path) : config(msb_patch_config_new(nullptr, nullptr)) {
        this->op(op);
        this->path(path);
    }
    MSB_HPP_JSON(msb_patch_config_from_json, msb_patch_config_to_json)

    MSB_HPP_OPTION(op, msb_patch_config_set_op, (const text &name), name)
    MSB_HPP_OPTION(path, msb_patch_config_set_path, (const text &path), path)
    MSB_HPP_OPTION(content, msb_patch_config_set_text, (const text &content), content)
    MSB_HPP_OPTION(data, msb_patch_config_set_data, (const void *data, std::size_t len), data, len)
    MSB_HPP_OPTION(source, msb_patch_config_set_source, (const text &path), path)
    MSB_HPP_OPTION(target, msb_patch_config_set_target, (const text &target), target)
    MSB_HPP_OPTION(mode, msb_patch_config_set_mode, (std::uint32_t mode), mode)
    MSB_HPP_OPTION(uid, msb_patch_config_set_uid, (std::uint32_t id), id)
    MSB_HPP_OPTION(gid, msb_patch_config_set_gid, (std::uint32_t id), id)
    MSB_HPP_OPTION(replace, msb_patch_config_set_replace, (bool replace = true), replace)
};

class sandbox_config : public detail::config<sandbox_config, msb_sandbox_config, msb_sandbox_config_free> {
public:
    using self = sandbox_config;
    using config::config;

    explicit sandbox_config(const text &name) : config(msb_sandbox_config_new(nullptr)) { this->name(name); }
    MSB_HPP_JSON(msb_sandbox_config_from_json, msb_sandbox_config_to_json)

    MSB_HPP_OPTION(name, msb_sandbox_config_set_name, (const text &name), name)
    MSB_HPP_OPTION(image, msb_sandbox_config_set_image, (const text &path), path)
    MSB_HPP_OPTION(image_pull_policy, msb_sandbox_config_set_image_pull_policy, (pull_policy policy), policy)
    MSB_HPP_OPTION(root_mode, msb_sandbox_config_set_root_mode, (const text &mode), mode)
    MSB_HPP_OPTION(upper, msb_sandbox_config_set_upper, (const text &kind), kind)
    MSB_HPP_OPTION(upper_size_mib, msb_sandbox_config_set_upper_size_mib, (std::uint64_t mib), mib)
    MSB_HPP_OPTION(cpus, msb_sandbox_config_set_cpus, (std::uint32_t count), count)
    MSB_HPP_OPTION(memory_mib, msb_sandbox_config_set_memory_mib, (std::uint32_t mib), mib)
    MSB_HPP_OPTION(env, msb_sandbox_config_set_env, (const text &key, const text &value), key, value)
    MSB_HPP_OPTION(script, msb_sandbox_config_add_script, (const text &name, const text &content), name, content)
    MSB_HPP_OPTION(workdir, msb_sandbox_config_set_workdir, (const text &path), path)
    MSB_HPP_OPTION(shell, msb_sandbox_config_set_shell, (const text &path), path)
    MSB_HPP_OPTION(hostname, msb_sandbox_config_set_hostname, (const text &name), name)
    MSB_HPP_OPTION(user, msb_sandbox_config_set_user, (const text &user), user)
    MSB_HPP_TEXTS_OPTION(entrypoint, msb_sandbox_config_set_entrypoint)
    MSB_HPP_TEXTS_OPTION(cmd, msb_sandbox_config_set_cmd)
    MSB_HPP_OPTION(stop_signal, msb_sandbox_config_set_stop_signal, (const text &name), name)
    MSB_HPP_OPTION(label, msb_sandbox_config_add_label, (const text &key, const text &value), key, value)
    MSB_HPP_OPTION(rlimit, msb_sandbox_config_add_rlimit, (const text &resource, std::uint64_t soft, std::uint64_t hard),
                   resource, soft, hard)
    MSB_HPP_OPTION(mount, msb_sandbox_config_add_mount, (const mount_config &mount), mount)
    MSB_HPP_OPTION(patch, msb_sandbox_config_add_patch, (const patch_config &patch), patch)
    MSB_HPP_OPTION(ephemeral, msb_sandbox_config_set_ephemeral, (bool ephemeral = true), ephemeral)
    MSB_HPP_OPTION(replace, msb_sandbox_config_set_replace, (bool replace = true), replace)
    MSB_HPP_OPTION(replace_timeout, msb_sandbox_config_set_replace_timeout_ms, (std::chrono::milliseconds limit), limit)
    MSB_HPP_OPTION(idle_timeout, msb_sandbox_config_set_idle_timeout_ms, (std::chrono::milliseconds limit), limit)
    MSB_HPP_OPTION(max_duration, msb_sandbox_config_set_max_duration_ms, (std::chrono::milliseconds limit), limit)
    MSB_HPP_OPTION(detached, msb_sandbox_config_set_detached, (bool detached = true), detached)
    MSB_HPP_OPTION(min_isolation, msb_sandbox_config_set_min_isolation, (const text &least), least)
    MSB_HPP_OPTION(driver, msb_sandbox_config_set_driver, (const text &name), name)
    MSB_HPP_OPTION(boot_timeout, msb_sandbox_config_set_boot_timeout_ms, (std::chrono::milliseconds limit), limit)
};

// Lets every sandbox through that has all of this; of several statuses, one.
class sandbox_filter : public detail::config<sandbox_filter, msb_sandbox_filter, msb_sandbox_filter_free> {
public:
    using self = sandbox_filter;
    using config::config;

    sandbox_filter() : config(msb_sandbox_filter_new()) {}
    MSB_HPP_JSON(msb_sandbox_filter_from_json, msb_sandbox_filter_to_json)

    MSB_HPP_OPTION(label, msb_sandbox_filter_add_label, (const text &key, const text &value), key, value)
    MSB_HPP_OPTION(status, msb_sandbox_filter_add_status, (const text &status), status)
    MSB_HPP_OPTION(name_prefix, msb_sandbox_filter_set_name_prefix, (const text &prefix), prefix)
    MSB_HPP_OPTION(limit, msb_sandbox_filter_set_limit, (std::uint32_t count), count)
    MSB_HPP_OPTION(cursor, msb_sandbox_filter_set_cursor, (const text &cursor), cursor)
};

}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
