// `msb::volume`: files that outlive sandboxes. Its configuration, listing, what is known of it, and its files, `volume_fs`.
// Options are explained in msb.h, at the functions named beside them.
#ifndef MSB_VOLUME_HPP
#define MSB_VOLUME_HPP

#include <msb/backend.hpp>
#include <msb/file.hpp>
#include <msb/listing.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

class volume_config : public detail::config<volume_config, msb_volume_config, msb_volume_config_free> {
public:
    using self = volume_config;
    using config::config;

    explicit volume_config(const text &name) : config(msb_volume_config_new(nullptr)) { this->name(name); }
    MSB_HPP_JSON(msb_volume_config_from_json, msb_volume_config_to_json)

    MSB_HPP_OPTION(name, msb_volume_config_set_name, (const text &name), name)
    MSB_HPP_OPTION(kind, msb_volume_config_set_kind, (const text &kind), kind)
    MSB_HPP_OPTION(quota_mib, msb_volume_config_set_quota_mib, (std::uint64_t mib), mib)
    MSB_HPP_OPTION(capacity_mib, msb_volume_config_set_capacity_mib, (std::uint64_t mib), mib)
    MSB_HPP_OPTION(label, msb_volume_config_add_label, (const text &key, const text &value), key, value)
};

// Lets every volume through that has all of this.
class volume_filter : public detail::config<volume_filter, msb_volume_filter, msb_volume_filter_free> {
public:
    using self = volume_filter;
    using config::config;

    volume_filter() : config(msb_volume_filter_new()) {}
    MSB_HPP_JSON(msb_volume_filter_from_json, msb_volume_filter_to_json)

    MSB_HPP_OPTION(label, msb_volume_filter_add_label, (const text &key, const text &value), key, value)
    MSB_HPP_OPTION(kind, msb_volume_filter_set_kind, (const text &kind), kind)
    MSB_HPP_OPTION(name_prefix, msb_volume_filter_set_name_prefix, (const text &prefix), prefix)
    MSB_HPP_OPTION(limit, msb_volume_filter_set_limit, (std::uint32_t count), count)
    MSB_HPP_OPTION(cursor, msb_volume_filter_set_cursor, (const text &cursor), cursor)
};

// A volume as it was; views live as long as its page or `volume_info`.
class volume_info_view : public detail::viewed<msb_volume_info> {
public:
    using viewed::viewed;

    std::string_view name() const { return detail::text_or_empty(msb_volume_info_name(raw_)); }
    std::string_view kind() const { return detail::text_or_empty(msb_volume_info_kind(raw_)); }
    std::string_view path() const { return detail::text_or_empty(msb_volume_info_path(raw_)); }
    // 0 without a limit.
    std::uint64_t quota_mib() const { return msb_volume_info_quota_mib(raw_); }
    std::uint64_t capacity_bytes() const { return msb_volume_info_capacity_bytes(raw_); }
    // MSB_NOT_MEASURED on a page.
    std::uint64_t used_bytes() const { return msb_volume_info_used_bytes(raw_); }
    std::string_view disk_format() const { return detail::text_or_empty(msb_volume_info_disk_format(raw_)); }
    std::string_view disk_fstype() const { return detail::text_or_empty(msb_volume_info_disk_fstype(raw_)); }
    std::uint64_t created_unix_ms() const { return msb_volume_info_created_unix_ms(raw_); }
    std::uint64_t updated_unix_ms() const { return msb_volume_info_updated_unix_ms(raw_); }
    detail::sequence<label, msb_volume_info> labels() const {
        return {raw_, msb_volume_info_label_count(raw_), [](const msb_volume_info *raw, std::size_t i) {
                    return label{detail::text_or_empty(msb_volume_info_label_key(raw, i)),
                                 detail::text_or_empty(msb_volume_info_label_value(raw, i))};
                }};
    }
    // The running sandboxes that have it; none on a page.
    detail::sequence<std::string_view, msb_volume_info> attached_to() const {
        return {raw_, msb_volume_info_attached_count(raw_), [](const msb_volume_info *raw, std::size_t i) {
                    return detail::text_or_empty(msb_volume_info_attached_to(raw, i));
                }};
    }
};

class volume_info : public detail::owning<volume_info_view, msb_volume_info, msb_volume_info_free> {
public:
    using owning::owning;
};

// Some volumes, in the order of their names: a range of `volume_info_view`.
class volume_page
    : public detail::page<volume_info_view, msb_volume_page, msb_volume_page_free, msb_volume_page_len, msb_volume_page_get,
                          msb_volume_page_next> {
public:
    using page::page;
};

// The files of a volume that is a directory. Made by `volume::fs()`, and to be used while that volume lives. Paths are beneath
// the root of the volume; "." is the root.
class volume_fs {
public:
    explicit volume_fs(msb_volume volume) noexcept : raw_(volume) {}

    result<bytes> read(const text &path) const { return detail::call_for<bytes>(msb_volume_fs_read, raw_, path); }
    result<op<bytes>> read_async(const text &path, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<bytes>>(msb_volume_fs_read_async, raw_, path, queue, token);
    }
    result<void> write(const text &path, bytes_view data, write_flags flags = write_flags::none,
                       std::uint32_t mode = default_file_mode) const {
        return detail::call(msb_volume_fs_write, raw_, path, data.data(), data.size(), flags, mode);
    }
    result<op<void>> write_async(const text &path, bytes_view data, const queue &queue, std::uint64_t token,
                                 write_flags flags = write_flags::none, std::uint32_t mode = default_file_mode) const {
        return detail::call_for<op<void>>(msb_volume_fs_write_async, raw_, path, data.data(), data.size(), flags, mode, queue,
                                          token);
    }
    result<file> open(const text &path, open_flags flags = open_flags::read, std::uint32_t mode = default_file_mode) const {
        return detail::call_for<file>(msb_volume_fs_open, raw_, path, flags, mode);
    }
    // A page of a directory; go on with what its `next()` gives.
    result<file_page> list(const text &path, std::uint64_t cursor = 0, std::uint32_t limit = 1000) const {
        return detail::call_for<file_page>(msb_volume_fs_list, raw_, path, cursor, limit);
    }
    result<op<file_page>> list_async(const text &path, const queue &queue, std::uint64_t token, std::uint64_t cursor = 0,
                                     std::uint32_t limit = 1000) const {
        return detail::call_for<op<file_page>>(msb_volume_fs_list_async, raw_, path, cursor, limit, queue, token);
    }
    // `look(file_info_view)` for each entry of a directory, on all pages, until it returns `false`.
    template <class Look>
    result<void> each(const text &path, Look &&look) const {
        return detail::each_entry(list(path), [&](std::uint64_t cursor) { return list(path, cursor); }, look);
    }
    result<file_info> stat(const text &path, stat_flags flags = stat_flags::none) const {
        return detail::call_for<file_info>(msb_volume_fs_stat, raw_, path, flags);
    }
    result<bool> exists(const text &path) const { return detail::call_for<bool>(msb_volume_fs_exists, raw_, path); }
    result<void> mkdir(const text &path, mkdir_flags flags = mkdir_flags::none,
                       std::uint32_t mode = default_directory_mode) const {
        return detail::call(msb_volume_fs_mkdir, raw_, path, mode, flags);
    }
    result<void> remove(const text &path) const { return detail::call(msb_volume_fs_remove, raw_, path); }
    result<void> remove_dir(const text &path, remove_flags flags = remove_flags::none) const {
        return detail::call(msb_volume_fs_remove_dir, raw_, path, flags);
    }
    result<op<void>> remove_dir_async(const text &path, const queue &queue, std::uint64_t token,
                                      remove_flags flags = remove_flags::none) const {
        return detail::call_for<op<void>>(msb_volume_fs_remove_dir_async, raw_, path, flags, queue, token);
    }
    result<void> copy(const text &from, const text &to) const { return detail::call(msb_volume_fs_copy, raw_, from, to); }
    result<op<void>> copy_async(const text &from, const text &to, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<void>>(msb_volume_fs_copy_async, raw_, from, to, queue, token);
    }
    result<void> rename(const text &from, const text &to) const { return detail::call(msb_volume_fs_rename, raw_, from, to); }
    result<void> symlink(const text &target, const text &path) const {
        return detail::call(msb_volume_fs_symlink, raw_, target, path);
    }
    result<bytes> readlink(const text &path) const { return detail::call_for<bytes>(msb_volume_fs_readlink, raw_, path); }
    result<void> chmod(const text &path, std::uint32_t mode) const { return detail::call(msb_volume_fs_chmod, raw_, path, mode); }
    // In nanoseconds since 1970 UTC; MSB_TIME_KEEP leaves one as it is.
    result<void> utimes(const text &path, std::int64_t accessed_ns, std::int64_t modified_ns) const {
        return detail::call(msb_volume_fs_utimes, raw_, path, accessed_ns, modified_ns);
    }
    // To a descriptor, as a tar archive. `progress(const file_progress &)` is called meanwhile; `false` from it gives up.
    template <class Progress = std::nullptr_t>
    result<file_progress> tar_export(const text &path, int fd, Progress &&progress = nullptr) const {
        using function = std::remove_reference_t<Progress>;
        return detail::call_for<file_progress>(msb_volume_fs_tar_export, raw_, path, std::int32_t{fd},
                                               detail::progress_of<function>(), detail::user_of(progress));
    }
    result<op<file_progress>> tar_export_async(const text &path, int fd, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<file_progress>>(msb_volume_fs_tar_export_async, raw_, path, std::int32_t{fd}, queue, token);
    }
    // From a descriptor. The archive is not trusted.
    template <class Progress = std::nullptr_t>
    result<file_progress> tar_import(const text &path, int fd, Progress &&progress = nullptr) const {
        using function = std::remove_reference_t<Progress>;
        return detail::call_for<file_progress>(msb_volume_fs_tar_import, raw_, path, std::int32_t{fd},
                                               detail::progress_of<function>(), detail::user_of(progress));
    }
    result<op<file_progress>> tar_import_async(const text &path, int fd, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<file_progress>>(msb_volume_fs_tar_import_async, raw_, path, std::int32_t{fd}, queue, token);
    }

private:
    msb_volume raw_;
};

class volume : public detail::handle<msb_volume, msb_volume_release> {
public:
    using handle::handle;

    static result<volume> create(const backend &backend, const volume_config &config) {
        return detail::call_for<volume>(msb_volume_create, backend, config);
    }
    static result<op<volume>> create_async(const backend &backend, const volume_config &config, const queue &queue,
                                           std::uint64_t token) {
        return detail::call_for<op<volume>>(msb_volume_create_async, backend, config, queue, token);
    }
    static result<volume> open(const backend &backend, const text &name) {
        return detail::call_for<volume>(msb_volume_open, backend, name);
    }
    static result<volume_page> list(const backend &backend, const volume_filter &filter) {
        return detail::call_for<volume_page>(msb_volume_list, backend, filter);
    }
    // `look(volume_info_view)` for each volume, on all pages, until it returns `false`.
    template <class Look>
    static result<void> each(const backend &backend, volume_filter filter, Look &&look) {
        return detail::each_entry(
            list(backend, filter), [&](const char *cursor) { return list(backend, filter.cursor(cursor)); }, look);
    }

    // Measures it too.
    result<volume_info> info() const { return detail::call_for<volume_info>(msb_volume_info_get, *this); }
    result<void> resize(std::uint64_t capacity_mib) const { return detail::call(msb_volume_resize, *this, capacity_mib); }
    result<op<void>> resize_async(std::uint64_t capacity_mib, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<void>>(msb_volume_resize_async, *this, capacity_mib, queue, token);
    }
    // With everything in it.
    result<void> remove() const { return detail::call(msb_volume_remove, *this); }
    result<op<void>> remove_async(const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<void>>(msb_volume_remove_async, *this, queue, token);
    }

    // A whole file.
    result<bytes> read(const text &path) const { return detail::call_for<bytes>(msb_volume_read, *this, path); }
    result<op<bytes>> read_async(const text &path, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<bytes>>(msb_volume_read_async, *this, path, queue, token);
    }
    result<void> write(const text &path, bytes_view data) const {
        return detail::call(msb_volume_write, *this, path, data.data(), data.size());
    }
    result<op<void>> write_async(const text &path, bytes_view data, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<void>>(msb_volume_write_async, *this, path, data.data(), data.size(), queue, token);
    }
    volume_fs fs() const noexcept { return volume_fs(raw_); }
};

namespace detail {
template <>
struct op_take<volume> { static constexpr auto function = msb_op_take_volume; };
}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
