// The room that a home takes: measured, checked after crashes, and freed.
#ifndef MSB_STORAGE_HPP
#define MSB_STORAGE_HPP

#include <msb/backend.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

// A part of a home, such as "volumes", and the room that it takes on disk.
struct storage_category {
    std::string_view name, path;
    std::uint64_t bytes, files;
};

// What was found or freed. The sets of kinds and actions are open.
struct storage_item {
    std::string_view kind, name, path, reason, action, detail;
    std::uint64_t bytes;
};

enum class fsck_flags : std::uint32_t { none = 0, repair = MSB_FSCK_REPAIR };
enum class prune_flags : std::uint32_t {
    dry_run = MSB_PRUNE_DRY_RUN,
    cache = MSB_PRUNE_CACHE,
    temporary = MSB_PRUNE_TEMPORARY,
    lost = MSB_PRUNE_LOST,
    logs = MSB_PRUNE_LOGS,
    backups = MSB_PRUNE_BACKUPS,
    images = MSB_PRUNE_IMAGES,
};

// By category. Views live as long as this.
class storage_usage : public detail::owned<msb_storage_usage, msb_storage_usage_free> {
public:
    using owned::owned;

    static result<storage_usage> get(const backend &backend) {
        return detail::call_for<storage_usage>(msb_storage_usage_get, backend);
    }
    static result<op<storage_usage>> get_async(const backend &backend, const queue &queue, std::uint64_t token) {
        return detail::call_for<op<storage_usage>>(msb_storage_usage_get_async, backend, queue, token);
    }

    std::uint64_t total_bytes() const { return msb_storage_usage_total_bytes(raw_); }
    detail::sequence<storage_category, msb_storage_usage> categories() const {
        return {raw_, msb_storage_usage_len(raw_), [](const msb_storage_usage *raw, std::size_t i) {
                    return storage_category{detail::text_or_empty(msb_storage_usage_category(raw, i)),
                                            detail::text_or_empty(msb_storage_usage_path(raw, i)),
                                            msb_storage_usage_bytes(raw, i), msb_storage_usage_files(raw, i)};
                }};
    }
};

namespace detail {
// The items of a report, by the getters that those of fsck and of prune have under two names.
template <class Raw, auto Len, auto Kind, auto Name, auto Path, auto Reason, auto Action, auto Detail, auto Bytes>
sequence<storage_item, Raw> storage_items(const Raw *report) {
    return {report, Len(report), [](const Raw *raw, std::size_t i) {
                return storage_item{text_or_empty(Kind(raw, i)),   text_or_empty(Name(raw, i)),   text_or_empty(Path(raw, i)),
                                    text_or_empty(Reason(raw, i)), text_or_empty(Action(raw, i)), text_or_empty(Detail(raw, i)),
                                    Bytes(raw, i)};
            }};
}
}  // namespace detail

// Views live as long as this.
class fsck_report : public detail::owned<msb_fsck_report, msb_fsck_report_free> {
public:
    using owned::owned;

    std::uint64_t bytes() const { return msb_fsck_report_bytes(raw_); }
    detail::sequence<storage_item, msb_fsck_report> findings() const {
        return detail::storage_items<msb_fsck_report, msb_fsck_report_len, msb_fsck_report_kind, msb_fsck_report_name,
                                     msb_fsck_report_path, msb_fsck_report_reason, msb_fsck_report_action,
                                     msb_fsck_report_detail, msb_fsck_report_item_bytes>(raw_);
    }
};

// Views live as long as this.
class prune_report : public detail::owned<msb_prune_report, msb_prune_report_free> {
public:
    using owned::owned;

    std::uint64_t bytes() const { return msb_prune_report_bytes(raw_); }
    detail::sequence<storage_item, msb_prune_report> items() const {
        return detail::storage_items<msb_prune_report, msb_prune_report_len, msb_prune_report_kind, msb_prune_report_name,
                                     msb_prune_report_path, msb_prune_report_reason, msb_prune_report_action,
                                     msb_prune_report_detail, msb_prune_report_item_bytes>(raw_);
    }
};

inline result<fsck_report> fsck(const backend &backend, fsck_flags flags = fsck_flags::none) {
    return detail::call_for<fsck_report>(msb_fsck, backend, flags);
}
inline result<op<fsck_report>> fsck_async(const backend &backend, fsck_flags flags, const queue &queue, std::uint64_t token) {
    return detail::call_for<op<fsck_report>>(msb_fsck_async, backend, flags, queue, token);
}
inline result<prune_report> prune(const backend &backend, prune_flags what) {
    return detail::call_for<prune_report>(msb_prune, backend, what);
}
inline result<op<prune_report>> prune_async(const backend &backend, prune_flags what, const queue &queue, std::uint64_t token) {
    return detail::call_for<op<prune_report>>(msb_prune_async, backend, what, queue, token);
}

namespace detail {
template <>
struct is_flags<prune_flags> : std::true_type {};
template <>
struct op_take<storage_usage> { static constexpr auto function = msb_op_take_storage_usage; };
template <>
struct op_take<fsck_report> { static constexpr auto function = msb_op_take_fsck_report; };
template <>
struct op_take<prune_report> { static constexpr auto function = msb_op_take_prune_report; };
}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
