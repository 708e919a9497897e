// `msb::sandbox`: a guest with its life cycle, commands and files; and what is known of sandboxes.
#ifndef MSB_SANDBOX_HPP
#define MSB_SANDBOX_HPP

#include <msb/backend.hpp>
#include <msb/exec.hpp>
#include <msb/listing.hpp>
#include <msb/sandbox_config.hpp>
#include <msb/sandbox_fs.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

// How a run of a sandbox ended: `reason`, one of MSB_EXIT_*, `clean`, `killed`, `crashed` and more.
using sandbox_exit = msb_exit;

// What a guest sees beside its root; `flags` are MSB_MOUNT_*.
struct mount_info {
    std::string_view guest_path, kind, source;
    std::uint32_t flags;
};

// A sandbox as it was; views live as long as its page or `sandbox_info`.
class sandbox_info_view : public detail::viewed<msb_sandbox_info> {
public:
    using viewed::viewed;

    std::string_view name() const { return detail::text_or_empty(msb_sandbox_info_name(raw_)); }
    // "Created", "Starting", "Running", "Draining", "Paused", "Stopped" or "Crashed".
    std::string_view status() const { return detail::text_or_empty(msb_sandbox_info_status(raw_)); }
    std::string_view driver() const { return detail::text_or_empty(msb_sandbox_info_driver(raw_)); }
    // Why driver `auto` did not choose a better one; empty if there is none, or if it was asked for by name.
    std::string_view driver_reason() const { return detail::text_or_empty(msb_sandbox_info_driver_reason(raw_)); }
    std::string_view isolation() const { return detail::text_or_empty(msb_sandbox_info_isolation(raw_)); }
    std::string_view image() const { return detail::text_or_empty(msb_sandbox_info_image(raw_)); }
    // As JSON.
    std::string_view config() const { return detail::text_or_empty(msb_sandbox_info_config(raw_)); }
    std::uint32_t cpus() const { return msb_sandbox_info_cpus(raw_); }
    std::uint32_t memory_mib() const { return msb_sandbox_info_memory_mib(raw_); }
    bool ephemeral() const { return msb_sandbox_info_ephemeral(raw_) != 0; }
    bool detached() const { return msb_sandbox_info_detached(raw_) != 0; }
    std::uint64_t created_unix_ms() const { return msb_sandbox_info_created_unix_ms(raw_); }
    // 0 unless it runs. To look at, not to signal.
    std::uint32_t runner_pid() const { return msb_sandbox_info_runner_pid(raw_); }
    std::string_view end_message() const { return detail::text_or_empty(msb_sandbox_info_end_message(raw_)); }
    std::string_view console_tail() const { return detail::text_or_empty(msb_sandbox_info_console_tail(raw_)); }
    // Nothing if it runs or never ran.
    std::optional<sandbox_exit> exit() const {
        sandbox_exit record;
        return msb_sandbox_info_exit(raw_, &record) ? std::optional<sandbox_exit>(record) : std::nullopt;
    }
    detail::sequence<label, msb_sandbox_info> labels() const {
        return {raw_, msb_sandbox_info_label_count(raw_), [](const msb_sandbox_info *raw, std::size_t i) {
                    return label{detail::text_or_empty(msb_sandbox_info_label_key(raw, i)),
                                 detail::text_or_empty(msb_sandbox_info_label_value(raw, i))};
                }};
    }
    detail::sequence<mount_info, msb_sandbox_info> mounts() const {
        return {raw_, msb_sandbox_info_mount_count(raw_), [](const msb_sandbox_info *raw, std::size_t i) {
                    return mount_info{detail::text_or_empty(msb_sandbox_info_mount_guest_path(raw, i)),
                                      detail::text_or_empty(msb_sandbox_info_mount_kind(raw, i)),
                                      detail::text_or_empty(msb_sandbox_info_mount_source(raw, i)),
                                      msb_sandbox_info_mount_flags(raw, i)};
                }};
    }
};

class sandbox_info : public detail::owning<sandbox_info_view, msb_sandbox_info, msb_sandbox_info_free> {
public:
    using owning::owning;
};

// Some sandboxes: a range of `sandbox_info_view`.
class sandbox_page
    : public detail::page<sandbox_info_view, msb_sandbox_page, msb_sandbox_page_free, msb_sandbox_page_len, msb_sandbox_page_get,
                          msb_sandbox_page_next> {
public:
    using page::page;
};

// A sandbox. One that this process started and that is not detached shuts down, in the background, when the last of its objects
// and of its commands' is let go of.
class sandbox : public detail::handle<msb_sandbox, msb_sandbox_release> {
public:
    using handle::handle;

    static result<sandbox> create(const backend &backend, const sandbox_config &config) {
        return detail::call_for<sandbox>(msb_sandbox_create, backend, config);
    }
    static result<op<sandbox>> create_async(const backend &backend, const sandbox_config &config, const queue &queue,
                                            std::uint64_t token) {
        return detail::call_for<op<sandbox>>(msb_sandbox_create_async, backend, config, queue, token);
    }
    static result<sandbox> open(const backend &backend, const text &name) {
        return detail::call_for<sandbox>(msb_sandbox_open, backend, name);
    }
    static result<sandbox_page> list(const backend &backend, const sandbox_filter &filter) {
        return detail::call_for<sandbox_page>(msb_sandbox_list, backend, filter);
    }
    // `look(sandbox_info_view)` for each sandbox, on all pages, until it returns `false`.
    template <class Look>
    static result<void> each(const backend &backend, sandbox_filter filter, Look &&look) {
        return detail::each_entry(
            list(backend, filter), [&](const char *cursor) { return list(backend, filter.cursor(cursor)); }, look);
    }

    result<sandbox_info> info() const { return detail::call_for<sandbox_info>(msb_sandbox_info_get, *this); }
    result<void> set_label(const text &key, const text &value) const {
        return detail::call(msb_sandbox_set_label, *this, key, value);
    }
    result<void> remove_label(const text &key) const { return detail::call(msb_sandbox_remove_label, *this, key); }

    // Waits until commands can run in it, as long as its configuration gives it if that is shorter.
    result<void> start(timeout limit = forever) const { return detail::call(msb_sandbox_start, *this, limit); }
    result<op<void>> start_async(const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_start_async, *this, limit, queue, token);
    }
    // Shuts it down; what is left after `grace` is killed. `forever` never kills.
    result<void> stop(timeout grace) const { return detail::call(msb_sandbox_stop, *this, grace); }
    result<op<void>> stop_async(timeout grace, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<void>>(msb_sandbox_stop_async, *this, grace, queue, token);
    }
    result<void> kill(timeout limit = forever) const { return detail::call(msb_sandbox_kill, *this, limit); }
    result<op<void>> kill_async(const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_sandbox_kill_async, *this, limit, queue, token);
    }
    // Waits until it does not run.
    result<sandbox_exit> wait(timeout limit = forever) const {
        return detail::call_for<sandbox_exit>(msb_sandbox_wait, *this, limit);
    }
    result<op<sandbox_exit>> wait_async(const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<sandbox_exit>>(msb_sandbox_wait_async, *this, limit, queue, token);
    }
    // Lets it live on when this process lets go of it or ends.
    result<void> detach() const { return detail::call(msb_sandbox_detach, *this); }
    result<op<void>> detach_async(const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<void>>(msb_sandbox_detach_async, *this, queue, token);
    }
    result<void> remove() const { return detail::call(msb_sandbox_remove, *this); }
    result<op<void>> remove_async(const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<void>>(msb_sandbox_remove_async, *this, queue, token);
    }

    // Runs a command to its end and collects what it writes.
    result<exec_result> exec(const exec_config &config) const {
        return detail::call_for<exec_result>(msb_sandbox_exec, *this, config);
    }
    result<op<exec_result>> exec_async(const exec_config &config, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<exec_result>>(msb_sandbox_exec_async, *this, config, queue, token);
    }
    // Starts a command, whose streams and end are `msb::exec`'s.
    result<msb::exec> exec_start(const exec_config &config) const {
        return detail::call_for<msb::exec>(msb_sandbox_exec_start, *this, config);
    }
    result<op<msb::exec>> exec_start_async(const exec_config &config, const queue &queue, std::uint64_t token) const {
        return detail::call_for<op<msb::exec>>(msb_sandbox_exec_start_async, *this, config, queue, token);
    }

    sandbox_fs fs() const noexcept { return sandbox_fs(raw_); }
    // From the host to the guest: a file, or a directory with everything in it. `progress(const file_progress &)` is called
    // meanwhile; `false` from it gives up.
    template <class Progress = std::nullptr_t>
    result<file_progress> copy_in(const text &from, const text &to, Progress &&progress = nullptr,
                                  timeout limit = forever) const {
        using function = std::remove_reference_t<Progress>;
        return detail::call_for<file_progress>(msb_sandbox_copy_in, *this, from, to, detail::progress_of<function>(),
                                               detail::user_of(progress), limit);
    }
    result<op<file_progress>> copy_in_async(const text &from, const text &to, const queue &queue, std::uint64_t token,
                                            timeout limit = forever) const {
        return detail::call_for<op<file_progress>>(msb_sandbox_copy_in_async, *this, from, to, limit, queue, token);
    }
    // From the guest to the host.
    template <class Progress = std::nullptr_t>
    result<file_progress> copy_out(const text &from, const text &to, Progress &&progress = nullptr,
                                   timeout limit = forever) const {
        using function = std::remove_reference_t<Progress>;
        return detail::call_for<file_progress>(msb_sandbox_copy_out, *this, from, to, detail::progress_of<function>(),
                                               detail::user_of(progress), limit);
    }
    result<op<file_progress>> copy_out_async(const text &from, const text &to, const queue &queue, std::uint64_t token,
                                             timeout limit = forever) const {
        return detail::call_for<op<file_progress>>(msb_sandbox_copy_out_async, *this, from, to, limit, queue, token);
    }
};

namespace detail {
template <>
struct op_take<sandbox> { static constexpr auto function = msb_op_take_sandbox; };
template <>
struct op_take<sandbox_exit> { static constexpr auto function = msb_op_take_exit; };
}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
