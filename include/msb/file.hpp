// `msb::file`: an open file of a volume or of a sandbox. What is known of files, pages of a directory, and the flags and progress
// of functions that work on them.
#ifndef MSB_FILE_HPP
#define MSB_FILE_HPP

#include <msb/listing.hpp>
#include <msb/queue.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

enum class open_flags : std::uint32_t {
    read = MSB_OPEN_READ,
    write = MSB_OPEN_WRITE,
    create = MSB_OPEN_CREATE,
    exclusive = MSB_OPEN_EXCLUSIVE,
    truncate = MSB_OPEN_TRUNCATE,
    append = MSB_OPEN_APPEND,
};
enum class write_flags : std::uint32_t { none = 0, atomic = MSB_WRITE_ATOMIC, append = MSB_WRITE_APPEND };
enum class stat_flags : std::uint32_t { none = 0, follow = MSB_STAT_FOLLOW };
enum class mkdir_flags : std::uint32_t { none = 0, parents = MSB_MKDIR_PARENTS };
enum class remove_flags : std::uint32_t { none = 0, recursive = MSB_REMOVE_RECURSIVE };

// The set is open: give every `switch` a `default`.
enum class file_kind : std::uint32_t {
    regular = MSB_FILE_REGULAR,
    directory = MSB_FILE_DIRECTORY,
    symlink = MSB_FILE_SYMLINK,
    fifo = MSB_FILE_FIFO,
    socket = MSB_FILE_SOCKET,
    char_device = MSB_FILE_CHAR_DEVICE,
    block_device = MSB_FILE_BLOCK_DEVICE,
};

namespace detail {
template <>
struct is_flags<open_flags> : std::true_type {};
template <>
struct is_flags<write_flags> : std::true_type {};
}  // namespace detail

// What a file is made with when its maker does not say.
inline constexpr std::uint32_t default_file_mode = 0644;
inline constexpr std::uint32_t default_directory_mode = 0755;

// `bytes` and `entries` of an import, an export or a copy. A progress function gets one, and goes on unless it returns `false`.
using file_progress = msb_file_progress;

// What is known of a file; its views live as long as their page or `file_info`.
class file_info_view : public detail::viewed<msb_file_info> {
public:
    using viewed::viewed;

    // Bytes: not necessarily UTF-8.
    std::string_view name() const { return detail::text_or_empty(msb_file_info_name(raw_)); }
    file_kind kind() const { return static_cast<file_kind>(msb_file_info_kind(raw_)); }
    std::uint64_t size() const { return msb_file_info_size(raw_); }
    std::uint32_t mode() const { return msb_file_info_mode(raw_); }
    std::uint32_t uid() const { return msb_file_info_uid(raw_); }
    std::uint32_t gid() const { return msb_file_info_gid(raw_); }
    std::uint64_t nlink() const { return msb_file_info_nlink(raw_); }
    std::int64_t accessed_ns() const { return msb_file_info_accessed_ns(raw_); }
    std::int64_t modified_ns() const { return msb_file_info_modified_ns(raw_); }
    std::int64_t changed_ns() const { return msb_file_info_changed_ns(raw_); }
    std::uint64_t inode() const { return msb_file_info_inode(raw_); }
    std::uint64_t device() const { return msb_file_info_device(raw_); }
};

class file_info : public detail::owning<file_info_view, msb_file_info, msb_file_info_free> {
public:
    using owning::owning;
};

// Some entries of a directory: a range of `file_info_view`.
class file_page : public detail::page<file_info_view, msb_file_page, msb_file_page_free, msb_file_page_len, msb_file_page_get,
                                      msb_file_page_next> {
public:
    using page::page;
};

namespace detail {
// Calls a C function that tells a function of ours how far it has come, on this thread: it is not kept.
template <class Progress>
msb_file_progress_fn progress_of() noexcept {
    if constexpr (std::is_null_pointer_v<Progress>) return nullptr;
    else return [](void *user, const msb_file_progress *progress) noexcept {
            return verdict(*static_cast<Progress *>(user), *progress);
        };
}
template <class Progress>
void *user_of(Progress &progress) noexcept {
    if constexpr (std::is_null_pointer_v<Progress>) return nullptr;
    else return const_cast<void *>(static_cast<const volatile void *>(std::addressof(progress)));
}
}  // namespace detail

// Positions are in bytes. Timeouts are for files of sandboxes; a volume is not waited for.
class file : public detail::handle<msb_file, msb_file_release> {
public:
    using handle::handle;

    // Fewer bytes than there is room for mean the end of the file.
    result<std::size_t> pread(std::uint64_t offset, buffer into, timeout limit = forever) const {
        return detail::call_for<std::size_t>(msb_file_pread, *this, offset, into.data(), into.size(), limit);
    }
    result<op<bytes>> pread_async(std::uint64_t offset, std::size_t most, const queue &queue, std::uint64_t token,
                                  timeout limit = forever) const {
        return detail::call_for<op<bytes>>(msb_file_pread_async, *this, offset, most, limit, queue, token);
    }
    result<void> pwrite(std::uint64_t offset, bytes_view data, timeout limit = forever) const {
        return detail::call(msb_file_pwrite, *this, offset, data.data(), data.size(), limit);
    }
    result<op<void>> pwrite_async(std::uint64_t offset, bytes_view data, const queue &queue, std::uint64_t token,
                                  timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_file_pwrite_async, *this, offset, data.data(), data.size(), limit, queue, token);
    }
    result<void> append(bytes_view data, timeout limit = forever) const {
        return detail::call(msb_file_append, *this, data.data(), data.size(), limit);
    }
    result<op<void>> append_async(bytes_view data, const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_file_append_async, *this, data.data(), data.size(), limit, queue, token);
    }
    result<std::uint64_t> size(timeout limit = forever) const {
        return detail::call_for<std::uint64_t>(msb_file_size, *this, limit);
    }
    result<op<std::uint64_t>> size_async(const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<std::uint64_t>>(msb_file_size_async, *this, limit, queue, token);
    }
    result<void> truncate(std::uint64_t size, timeout limit = forever) const {
        return detail::call(msb_file_truncate, *this, size, limit);
    }
    result<op<void>> truncate_async(std::uint64_t size, const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_file_truncate_async, *this, size, limit, queue, token);
    }
    result<void> sync(timeout limit = forever) const { return detail::call(msb_file_sync, *this, limit); }
    result<op<void>> sync_async(const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_file_sync_async, *this, limit, queue, token);
    }
    result<file_info> stat(timeout limit = forever) const { return detail::call_for<file_info>(msb_file_stat, *this, limit); }
    result<op<file_info>> stat_async(const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<file_info>>(msb_file_stat_async, *this, limit, queue, token);
    }
};

namespace detail {
template <>
struct op_take<file> { static constexpr auto function = msb_op_take_file; };
template <>
struct op_take<file_info> { static constexpr auto function = msb_op_take_file_info; };
template <>
struct op_take<file_page> { static constexpr auto function = msb_op_take_file_page; };
template <>
struct op_take<file_progress> { static constexpr auto function = msb_op_take_file_progress; };
}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
