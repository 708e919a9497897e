// Errors and results: `msb::error`, and `msb::result<T>`, which holds a value or an error. Nothing throws, unless
// MSB_HPP_EXCEPTIONS is defined: then `value()` of a failed result throws `msb::exception`. Without it that ends the program,
// after printing the error.
#ifndef MSB_RESULT_HPP
#define MSB_RESULT_HPP

#include <msb.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#ifdef MSB_HPP_EXCEPTIONS
#include <exception>
#endif

// Programs may be put together from files with and without exceptions: their inline functions have different names.
#ifdef MSB_HPP_EXCEPTIONS
#define MSB_HPP_ABI throwing
#else
#define MSB_HPP_ABI returning
#endif

namespace msb {
inline namespace MSB_HPP_ABI {

// Why a call failed. The set is open: give every `switch` a `default`.
enum class status : msb_status {
    ok = MSB_OK,
    invalid_argument = MSB_ERR_INVALID_ARGUMENT,
    not_found = MSB_ERR_NOT_FOUND,
    already_exists = MSB_ERR_ALREADY_EXISTS,
    invalid_state = MSB_ERR_INVALID_STATE,
    permission_denied = MSB_ERR_PERMISSION_DENIED,
    resource_exhausted = MSB_ERR_RESOURCE_EXHAUSTED,
    unavailable = MSB_ERR_UNAVAILABLE,
    timeout = MSB_ERR_TIMEOUT,
    cancelled = MSB_ERR_CANCELLED,
    would_block = MSB_ERR_WOULD_BLOCK,
    end_of_stream = MSB_ERR_END_OF_STREAM,
    unsupported = MSB_ERR_UNSUPPORTED,
    io = MSB_ERR_IO,
    network = MSB_ERR_NETWORK,
    corrupt = MSB_ERR_CORRUPT,
    conflict = MSB_ERR_CONFLICT,
    guest_failed = MSB_ERR_GUEST_FAILED,
    exec_failed = MSB_ERR_EXEC_FAILED,
    stale_handle = MSB_ERR_STALE_HANDLE,
    wrong_handle_type = MSB_ERR_WRONG_HANDLE_TYPE,
    would_deadlock = MSB_ERR_WOULD_DEADLOCK,
    forked = MSB_ERR_FORKED,
    abi_mismatch = MSB_ERR_ABI_MISMATCH,
    out_of_memory = MSB_ERR_OUT_OF_MEMORY,
    internal = MSB_ERR_INTERNAL,
    store_newer = MSB_ERR_STORE_NEWER,
    store_corrupt = MSB_ERR_STORE_CORRUPT,
    read_only = MSB_ERR_READ_ONLY,
    disk_full = MSB_ERR_DISK_FULL,
    config_invalid = MSB_ERR_CONFIG_INVALID,
    driver_unavailable = MSB_ERR_DRIVER_UNAVAILABLE,
    kernel_not_found = MSB_ERR_KERNEL_NOT_FOUND,
    isolation_unavailable = MSB_ERR_ISOLATION_UNAVAILABLE,
    sandbox_crashed = MSB_ERR_SANDBOX_CRASHED,
    not_running = MSB_ERR_NOT_RUNNING,
    busy = MSB_ERR_BUSY,
};

// The C name of a status, such as "MSB_ERR_NOT_FOUND".
inline const char *name(status value) noexcept { return msb_status_name(static_cast<msb_status>(value)); }

namespace detail {
inline std::string_view text_or_empty(const char *text) noexcept { return text ? std::string_view(text) : std::string_view(); }

// Entries that a C object counts and gives by index, for a range-based `for`. A view: the object must live as long.
template <class Item, class Raw>
class sequence {
public:
    using get_fn = Item (*)(const Raw *, std::size_t);

    class iterator {
    public:
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        iterator() = default;
        iterator(const sequence *of, std::size_t index) noexcept : of_(*of), index_(index) {}
        Item operator*() const { return of_[index_]; }
        iterator &operator++() noexcept { return ++index_, *this; }
        iterator operator++(int) noexcept { return iterator(&of_, index_++); }
        bool operator==(const iterator &other) const noexcept { return index_ == other.index_; }
        bool operator!=(const iterator &other) const noexcept { return index_ != other.index_; }

    private:
        sequence of_;
        std::size_t index_ = 0;
    };

    sequence() = default;
    sequence(const Raw *raw, std::size_t size, get_fn get) noexcept : raw_(raw), size_(size), get_(get) {}

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    // `index` must be below `size()`.
    Item operator[](std::size_t index) const { return get_(raw_, index); }
    iterator begin() const noexcept { return iterator(this, 0); }
    iterator end() const noexcept { return iterator(this, size_); }

private:
    const Raw *raw_ = nullptr;
    std::size_t size_ = 0;
    get_fn get_ = nullptr;
};
}  // namespace detail

// A machine-readable fact about a failure.
struct error_detail {
    std::string_view key, value;
};

// Why a call failed; empty if none did. Copies share the same immutable facts, so an error may be kept, passed on and read
// by any thread. Views that it gives live as long as one copy.
class error {
public:
    error() = default;
    // Takes over what a C function gave.
    error(msb_status status, msb_error *raw) {
        if (status != MSB_OK) facts_ = std::make_shared<const facts>(status, raw);
    }
    // One that this binding found itself.
    error(msb::status status, const char *reason, std::string message)
        : facts_(std::make_shared<const facts>(static_cast<msb_status>(status), reason, std::move(message))) {}

    // Whether something failed.
    explicit operator bool() const noexcept { return facts_ != nullptr; }

    msb::status status() const noexcept { return facts_ ? static_cast<msb::status>(facts_->status) : msb::status::ok; }
    // The stable dotted reason, for programs to act upon.
    std::string_view reason() const noexcept {
        if (!facts_) return {};
        return facts_->raw ? msb_error_reason(facts_->raw) : facts_->reason;
    }
    // The whole text for people, causes and advice included, in one line. NUL-terminated.
    std::string_view message() const noexcept { return facts_ ? facts_->text() : ""; }
    // The errno of the system call that failed; 0 if none did. (`errno` is a macro.)
    int os_errno() const noexcept { return msb_error_errno(raw()); }
    // Whether the same call, unchanged, may succeed later.
    bool retryable() const noexcept { return msb_error_retryable(raw()) != 0; }

    // From the nearest to the root.
    detail::sequence<std::string_view, msb_error> causes() const noexcept {
        return {raw(), msb_error_cause_count(raw()),
                [](const msb_error *raw, std::size_t i) { return detail::text_or_empty(msb_error_cause(raw, i)); }};
    }
    detail::sequence<error_detail, msb_error> details() const noexcept {
        return {raw(), msb_error_detail_count(raw()), [](const msb_error *raw, std::size_t i) {
                    const char *key = msb_error_detail_key(raw, i);
                    return error_detail{detail::text_or_empty(key), detail_of(raw, key)};
                }};
    }
    // The value of one detail, bytes as they are; empty if there is none.
    std::string_view detail(const char *key) const noexcept { return detail_of(raw(), key); }

    // The C object; NULL if there is none. It stays this error's.
    const msb_error *raw() const noexcept { return facts_ ? facts_->raw : nullptr; }

private:
    struct facts {
        facts(msb_status number, msb_error *object) : status(number), raw(object) {}
        facts(msb_status number, const char *why, std::string what) : status(number), reason(why), message(std::move(what)) {}
        facts(const facts &) = delete;
        facts &operator=(const facts &) = delete;
        ~facts() { msb_error_free(raw); }
        std::string_view text() const noexcept { return raw ? std::string_view(msb_error_message(raw)) : message; }

        msb_status status;
        msb_error *raw = nullptr;
        const char *reason = "";
        std::string message;
    };

    static std::string_view detail_of(const msb_error *raw, const char *key) noexcept {
        std::size_t len = 0;
        const std::uint8_t *data = msb_error_detail(raw, key, &len);
        return data ? std::string_view(reinterpret_cast<const char *>(data), len) : std::string_view();
    }

    std::shared_ptr<const facts> facts_;
};

#ifdef MSB_HPP_EXCEPTIONS
// What `value()` of a failed result throws.
class exception : public std::exception {
public:
    explicit exception(msb::error error) noexcept : error_(std::move(error)) {}
    const char *what() const noexcept override { return error_.message().data(); }
    const msb::error &error() const noexcept { return error_; }

private:
    msb::error error_;
};
#endif

namespace detail {
[[noreturn]] inline void no_value(const error &error) {
#ifdef MSB_HPP_EXCEPTIONS
    throw exception(error);
#else
    const std::string_view text = error.message();
    std::fprintf(stderr, "msb: the value of a failed result was asked for: %.*s\n", static_cast<int>(text.size()), text.data());
    std::abort();
#endif
}
}  // namespace detail

// A value, or why there is none.
template <class T>
class [[nodiscard]] result {
public:
    using value_type = T;

    template <class U, std::enable_if_t<std::is_convertible_v<U &&, T> && !std::is_same_v<std::decay_t<U>, result>, int> = 0>
    result(U &&value) : value_(std::in_place, std::forward<U>(value)) {}
    result(msb::error error) noexcept : error_(std::move(error)) {}

    // Not for a `result<bool>`, where it would be taken for the value.
    template <class U = T, std::enable_if_t<!std::is_same_v<U, bool>, int> = 0>
    explicit operator bool() const noexcept { return has_value(); }
    bool has_value() const noexcept { return value_.has_value(); }

    T &value() & { return must_have_value(), *value_; }
    const T &value() const & { return must_have_value(), *value_; }
    T &&value() && { return must_have_value(), std::move(*value_); }

    // Only if there is a value.
    T &operator*() & noexcept { return *value_; }
    const T &operator*() const & noexcept { return *value_; }
    T &&operator*() && noexcept { return std::move(*value_); }
    T *operator->() noexcept { return &*value_; }
    const T *operator->() const noexcept { return &*value_; }

    template <class U>
    T value_or(U &&other) && { return std::move(value_).value_or(std::forward<U>(other)); }

    // Empty if there is a value.
    const msb::error &error() const noexcept { return error_; }
    msb::status status() const noexcept { return error_.status(); }

    // `next(value)`, which gives a result itself, unless this failed already.
    template <class F>
    auto and_then(F &&next) && -> std::invoke_result_t<F, T &&> {
        if (!has_value()) return error_;
        return std::forward<F>(next)(std::move(*value_));
    }
    // A result of `change(value)`.
    template <class F>
    auto map(F &&change) && -> result<std::invoke_result_t<F, T &&>> {
        if (!has_value()) return error_;
        if constexpr (std::is_void_v<std::invoke_result_t<F, T &&>>) {
            std::forward<F>(change)(std::move(*value_));
            return {};
        } else {
            return std::forward<F>(change)(std::move(*value_));
        }
    }

private:
    void must_have_value() const {
        if (!has_value()) detail::no_value(error_);
    }

    std::optional<T> value_;
    msb::error error_;
};

// Success, or why not.
template <>
class [[nodiscard]] result<void> {
public:
    using value_type = void;

    result() = default;
    result(msb::error error) noexcept : error_(std::move(error)) {}

    explicit operator bool() const noexcept { return !error_; }
    bool has_value() const noexcept { return !error_; }
    // Nothing, if this succeeded.
    void value() const {
        if (error_) detail::no_value(error_);
    }
    const msb::error &error() const noexcept { return error_; }
    msb::status status() const noexcept { return error_.status(); }

    template <class F>
    auto and_then(F &&next) const -> std::invoke_result_t<F> {
        if (error_) return error_;
        return std::forward<F>(next)();
    }

private:
    msb::error error_;
};

}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
