// `msb::sandbox_fs`: the files that the guest of a running sandbox sees. Made by `sandbox::fs()`, and to be used while that
// sandbox's object lives.
#ifndef MSB_SANDBOX_FS_HPP
#define MSB_SANDBOX_FS_HPP

#include <msb/file.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

class sandbox_fs {
public:
    explicit sandbox_fs(msb_sandbox sandbox) noexcept : raw_(sandbox) {}

    result<bytes> read(const text &path, timeout limit = forever) const {
        return detail::call_for<bytes>(msb_sandbox_fs_read, raw_, path, limit);
    }
    result<op<bytes>> read_async(const text &path, const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<bytes>>(msb_sandbox_fs_read_async, raw_, path, limit, queue, token);
    }
    result<void> write(const text &path, bytes_view data, write_flags flags = write_flags::none,
                       std::uint32_t mode = default_file_mode, timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_write, raw_, path, data.data(), data.size(), flags, mode, limit);
    }
    result<op<void>> write_async(const text &path, bytes_view data, const queue &queue, std::uint64_t token,
                                 write_flags flags = write_flags::none, std::uint32_t mode = default_file_mode,
                                 timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_write_async, raw_, path, data.data(), data.size(), flags, mode, limit,
                                          queue, token);
    }
    result<file> open(const text &path, open_flags flags = open_flags::read, std::uint32_t mode = default_file_mode,
                      timeout limit = forever) const {
        return detail::call_for<file>(msb_sandbox_fs_open, raw_, path, flags, mode, limit);
    }
    result<op<file>> open_async(const text &path, const queue &queue, std::uint64_t token, open_flags flags = open_flags::read,
                                std::uint32_t mode = default_file_mode, timeout limit = forever) const {
        return detail::call_for<op<file>>(msb_sandbox_fs_open_async, raw_, path, flags, mode, limit, queue, token);
    }
    // A page of a directory; go on with what its `next()` gives.
    result<file_page> list(const text &path, std::uint64_t cursor = 0, std::uint32_t most = 1000, timeout limit = forever) const {
        return detail::call_for<file_page>(msb_sandbox_fs_list, raw_, path, cursor, most, limit);
    }
    result<op<file_page>> list_async(const text &path, const queue &queue, std::uint64_t token, std::uint64_t cursor = 0,
                                     std::uint32_t most = 1000, timeout limit = forever) const {
        return detail::call_for<op<file_page>>(msb_sandbox_fs_list_async, raw_, path, cursor, most, limit, queue, token);
    }
    // `look(file_info_view)` for each entry of a directory, on all pages, until it returns `false`; `limit` is for each page.
    template <class Look>
    result<void> each(const text &path, Look &&look, timeout limit = forever) const {
        const auto page_of = [&](std::uint64_t cursor) { return list(path, cursor, 1000, limit); };
        return detail::each_entry(page_of(0), page_of, look);
    }
    result<file_info> stat(const text &path, stat_flags flags = stat_flags::none, timeout limit = forever) const {
        return detail::call_for<file_info>(msb_sandbox_fs_stat, raw_, path, flags, limit);
    }
    result<op<file_info>> stat_async(const text &path, const queue &queue, std::uint64_t token,
                                     stat_flags flags = stat_flags::none, timeout limit = forever) const {
        return detail::call_for<op<file_info>>(msb_sandbox_fs_stat_async, raw_, path, flags, limit, queue, token);
    }
    result<bool> exists(const text &path, timeout limit = forever) const {
        return detail::call_for<bool>(msb_sandbox_fs_exists, raw_, path, limit);
    }
    result<op<bool>> exists_async(const text &path, const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<bool>>(msb_sandbox_fs_exists_async, raw_, path, limit, queue, token);
    }
    result<void> mkdir(const text &path, mkdir_flags flags = mkdir_flags::none, std::uint32_t mode = default_directory_mode,
                       timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_mkdir, raw_, path, mode, flags, limit);
    }
    result<op<void>> mkdir_async(const text &path, const queue &queue, std::uint64_t token,
                                 mkdir_flags flags = mkdir_flags::none, std::uint32_t mode = default_directory_mode,
                                 timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_mkdir_async, raw_, path, mode, flags, limit, queue, token);
    }
    result<void> remove(const text &path, timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_remove, raw_, path, limit);
    }
    result<op<void>> remove_async(const text &path, const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_remove_async, raw_, path, limit, queue, token);
    }
    result<void> remove_dir(const text &path, remove_flags flags = remove_flags::none, timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_remove_dir, raw_, path, flags, limit);
    }
    result<op<void>> remove_dir_async(const text &path, const queue &queue, std::uint64_t token,
                                      remove_flags flags = remove_flags::none, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_remove_dir_async, raw_, path, flags, limit, queue, token);
    }
    result<void> copy(const text &from, const text &to, timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_copy, raw_, from, to, limit);
    }
    result<op<void>> copy_async(const text &from, const text &to, const queue &queue, std::uint64_t token,
                                timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_copy_async, raw_, from, to, limit, queue, token);
    }
    result<void> rename(const text &from, const text &to, timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_rename, raw_, from, to, limit);
    }
    result<op<void>> rename_async(const text &from, const text &to, const queue &queue, std::uint64_t token,
                                  timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_rename_async, raw_, from, to, limit, queue, token);
    }
    result<void> symlink(const text &target, const text &path, timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_symlink, raw_, target, path, limit);
    }
    result<op<void>> symlink_async(const text &target, const text &path, const queue &queue, std::uint64_t token,
                                   timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_symlink_async, raw_, target, path, limit, queue, token);
    }
    result<bytes> readlink(const text &path, timeout limit = forever) const {
        return detail::call_for<bytes>(msb_sandbox_fs_readlink, raw_, path, limit);
    }
    result<op<bytes>> readlink_async(const text &path, const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<bytes>>(msb_sandbox_fs_readlink_async, raw_, path, limit, queue, token);
    }
    result<void> chmod(const text &path, std::uint32_t mode, timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_chmod, raw_, path, mode, limit);
    }
    result<op<void>> chmod_async(const text &path, std::uint32_t mode, const queue &queue, std::uint64_t token,
                                 timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_chmod_async, raw_, path, mode, limit, queue, token);
    }
    // In nanoseconds since 1970 UTC; MSB_TIME_KEEP leaves one as it is.
    result<void> utimes(const text &path, std::int64_t accessed_ns, std::int64_t modified_ns, timeout limit = forever) const {
        return detail::call(msb_sandbox_fs_utimes, raw_, path, accessed_ns, modified_ns, limit);
    }
    result<op<void>> utimes_async(const text &path, std::int64_t accessed_ns, std::int64_t modified_ns, const queue &queue,
                                  std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_fs_utimes_async, raw_, path, accessed_ns, modified_ns, limit, queue, token);
    }
    // To a descriptor, as a tar archive. `progress(const file_progress &)` is called meanwhile; `false` from it gives up.
    template <class Progress = std::nullptr_t>
    result<file_progress> tar_export(const text &path, int fd, Progress &&progress = nullptr, timeout limit = forever) const {
        using function = std::remove_reference_t<Progress>;
        return detail::call_for<file_progress>(msb_sandbox_fs_tar_export, raw_, path, std::int32_t{fd},
                                               detail::progress_of<function>(), detail::user_of(progress), limit);
    }
    result<op<file_progress>> tar_export_async(const text &path, int fd, const queue &queue, std::uint64_t token,
                                               timeout limit = forever) const {
        return detail::call_for<op<file_progress>>(msb_sandbox_fs_tar_export_async, raw_, path, std::int32_t{fd}, limit, queue,
                                                   token);
    }
    // From a descriptor.
    template <class Progress = std::nullptr_t>
    result<file_progress> tar_import(const text &path, int fd, Progress &&progress = nullptr, timeout limit = forever) const {
        using function = std::remove_reference_t<Progress>;
        return detail::call_for<file_progress>(msb_sandbox_fs_tar_import, raw_, path, std::int32_t{fd},
                                               detail::progress_of<function>(), detail::user_of(progress), limit);
    }
    result<op<file_progress>> tar_import_async(const text &path, int fd, const queue &queue, std::uint64_t token,
                                               timeout limit = forever) const {
        return detail::call_for<op<file_progress>>(msb_sandbox_fs_tar_import_async, raw_, path, std::int32_t{fd}, limit, queue,
                                                   token);
    }

private:
    msb_sandbox raw_;
};

}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
