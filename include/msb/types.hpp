// What every noun of the binding is made of: text and bytes going in, bytes coming out, timeouts, owners of C objects, and the
// one way in which C functions are called. Data are never copied; text only if it may not be NUL-terminated.
#ifndef MSB_TYPES_HPP
#define MSB_TYPES_HPP

#include <msb/result.hpp>

#include <chrono>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include <unistd.h>

namespace msb {
inline namespace MSB_HPP_ABI {

// A text as an argument: a `const char *`, a `std::string`, or whatever converts to a `std::string_view`, which is copied to
// get its NUL, on the stack if it is short. A text that holds a NUL itself is an `invalid_argument` error of the call. NULL
// is passed on as NULL.
class text {
public:
    text(const char *terminated) noexcept : data_(terminated) {}
    text(const std::string &string) noexcept : data_(string.c_str()) { look_for_nul(string); }
    template <class T, std::enable_if_t<std::is_convertible_v<const T &, std::string_view> &&
                                            !std::is_convertible_v<const T &, const char *> &&
                                            !std::is_convertible_v<const T *, const std::string *>, int> = 0>
    text(const T &value) {
        const std::string_view view = value;
        char *copy = small_;
        if (view.size() >= sizeof small_) {
            large_.reset(new char[view.size() + 1]);
            copy = large_.get();
        }
        if (!view.empty()) std::memcpy(copy, view.data(), view.size());
        copy[view.size()] = 0;
        data_ = copy;
        look_for_nul(view);
    }
    text(const text &) = delete;
    text &operator=(const text &) = delete;

    const char *c_str() const noexcept { return data_; }
    bool is_whole() const noexcept { return nul_at_ == none; }
    // Empty if the text is whole.
    msb::error error() const {
        if (is_whole()) return {};
        return {msb::status::invalid_argument, "argument.nul",
                "the text \"" + std::string(data_) + "\" goes on after a NUL byte at offset " + std::to_string(nul_at_) +
                    "; pass a text without NUL bytes"};
    }

private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    void look_for_nul(std::string_view whole) noexcept { nul_at_ = whole.find('\0'); }

    const char *data_;
    std::size_t nul_at_ = none;
    std::unique_ptr<char[]> large_;
    // Enough for names and most paths. Not initialized: it is written only if it is used.
    char small_[256];
};

// Texts as one argument: a list in braces, or any range of what converts to a `std::string_view`. They are copied.
class texts {
public:
    texts(std::initializer_list<std::string_view> words) { copy(words); }
    template <class T, std::enable_if_t<
                           std::is_convertible_v<decltype(*std::begin(std::declval<const T &>())), std::string_view>, int> = 0>
    texts(const T &range) { copy(range); }

    const char *const *data() const noexcept { return terminated_.data(); }
    std::size_t size() const noexcept { return terminated_.size(); }
    bool is_whole() const noexcept { return !error_; }
    // Of the first text that has a NUL in it; empty if there is none.
    const msb::error &error() const noexcept { return error_; }

private:
    template <class T>
    void copy(const T &range) {
        for (const std::string_view word : range) {
            if (!error_) error_ = text(word).error();
            words_.emplace_back(word);
        }
        for (const std::string &word : words_) terminated_.push_back(word.c_str());
    }

    std::vector<std::string> words_;
    std::vector<const char *> terminated_;
    msb::error error_;
};

namespace detail {
template <class T>
inline constexpr bool is_byte = std::is_trivially_copyable_v<T> && sizeof(T) == 1 && !std::is_same_v<std::remove_cv_t<T>, bool>;

template <class T, class = void>
struct is_byte_range : std::false_type {};
template <class T>
struct is_byte_range<T, std::void_t<decltype(std::declval<T &>().data()), decltype(std::declval<T &>().size())>>
    : std::bool_constant<is_byte<std::remove_pointer_t<decltype(std::declval<T &>().data())>>> {};
}  // namespace detail

// Bytes that belong to somebody else, to be read. Made from any text or contiguous container of bytes, `std::span` included.
class bytes_view {
public:
    constexpr bytes_view() = default;
    bytes_view(const void *data, std::size_t size) noexcept : data_(static_cast<const std::byte *>(data)), size_(size) {}
    bytes_view(const char *text) noexcept : bytes_view(text, text ? std::strlen(text) : 0) {}
    template <class T, std::enable_if_t<detail::is_byte_range<const T>::value, int> = 0>
    bytes_view(const T &range) noexcept : bytes_view(range.data(), range.size()) {}

    const std::byte *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const std::byte *begin() const noexcept { return data_; }
    const std::byte *end() const noexcept { return data_ + size_; }
    std::byte operator[](std::size_t index) const noexcept { return data_[index]; }
    // Without the first `count` bytes; `count` must not exceed `size()`.
    bytes_view after(std::size_t count) const noexcept { return {data_ + count, size_ - count}; }
    // The same bytes as text, which may hold NUL bytes or be no UTF-8.
    std::string_view text() const noexcept { return {reinterpret_cast<const char *>(data_), size_}; }

private:
    const std::byte *data_ = nullptr;
    std::size_t size_ = 0;
};

// Memory that belongs to somebody else, to be written. Made from an array or any contiguous container of bytes.
class buffer {
public:
    buffer(void *data, std::size_t size) noexcept : data_(static_cast<std::byte *>(data)), size_(size) {}
    template <class T, std::size_t N, std::enable_if_t<detail::is_byte<T> && !std::is_const_v<T>, int> = 0>
    buffer(T (&array)[N]) noexcept : buffer(array, N) {}
    template <class T, std::enable_if_t<detail::is_byte_range<std::remove_reference_t<T>>::value &&
                                            !std::is_same_v<std::decay_t<T>, buffer> &&
                                            !std::is_const_v<std::remove_pointer_t<decltype(std::declval<T>().data())>>, int> = 0>
    buffer(T &&range) noexcept : buffer(range.data(), range.size()) {}

    std::byte *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    std::byte *data_;
    std::size_t size_;
};

// How long to wait. Made from any duration, rounded up to milliseconds; a negative one does not wait, as 0.
class timeout {
public:
    template <class Rep, class Period>
    constexpr timeout(std::chrono::duration<Rep, Period> duration) noexcept : ms_(in_ms(duration)) {}
    // What the C functions take: -1 for ever, 0 not at all.
    static constexpr timeout from_ms(std::int64_t ms) noexcept { return timeout(ms); }
    constexpr std::int64_t ms() const noexcept { return ms_; }

private:
    constexpr explicit timeout(std::int64_t ms) noexcept : ms_(ms) {}

    template <class Rep, class Period>
    static constexpr std::int64_t in_ms(std::chrono::duration<Rep, Period> duration) noexcept {
        using milliseconds = std::chrono::duration<double, std::milli>;
        // Ten thousand years, in which a conversion to milliseconds might overflow: no limit.
        if (milliseconds(duration).count() > 3e14) return -1;
        if (duration <= duration.zero()) return 0;
        return std::chrono::ceil<std::chrono::milliseconds>(duration).count();
    }

    std::int64_t ms_;
};

inline constexpr timeout forever = timeout::from_ms(-1);

// What a sandbox or a volume is found by.
struct label {
    std::string_view key, value;
};

// When a registry is asked for an image.
enum class pull_policy : std::uint32_t {
    if_missing = MSB_IMAGE_PULL_POLICY_IF_MISSING,
    always = MSB_IMAGE_PULL_POLICY_ALWAYS,
    never = MSB_IMAGE_PULL_POLICY_NEVER,
};

// A command's standard streams. (`stdin` and its kin are macros.)
enum class stream : std::int32_t { in = MSB_STDIN, out = MSB_STDOUT, err = MSB_STDERR };

namespace detail {
template <class E>
struct is_flags : std::false_type {};

template <class E, std::enable_if_t<std::is_enum_v<E>, int> = 0>
constexpr std::underlying_type_t<E> bits(E flags) noexcept { return static_cast<std::underlying_type_t<E>>(flags); }
}  // namespace detail

template <class E, std::enable_if_t<detail::is_flags<E>::value, int> = 0>
constexpr E operator|(E left, E right) noexcept { return static_cast<E>(detail::bits(left) | detail::bits(right)); }
template <class E, std::enable_if_t<detail::is_flags<E>::value, int> = 0>
constexpr E operator&(E left, E right) noexcept { return static_cast<E>(detail::bits(left) & detail::bits(right)); }

namespace detail {
// The only owner of a handle: gives it back in its destructor. Its functions may be called by any thread at any time.
template <class Raw, void (*Release)(Raw *)>
class handle {
public:
    using raw_type = Raw;

    handle() = default;
    // Takes over a handle of the C functions.
    explicit handle(Raw raw) noexcept : raw_(raw) {}
    handle(handle &&other) noexcept : raw_(other.release()) {}
    handle &operator=(handle &&other) noexcept {
        if (this != &other) {
            reset();
            raw_ = other.release();
        }
        return *this;
    }
    ~handle() { reset(); }

    // Whether there is a handle at all.
    explicit operator bool() const noexcept { return raw_.id != 0; }
    // For the C functions; it stays this object's.
    Raw get() const noexcept { return raw_; }
    // For the C functions, and the caller's from now on.
    [[nodiscard]] Raw release() noexcept { return std::exchange(raw_, Raw{}); }
    // Gives the handle back now.
    void reset() noexcept {
        if (raw_.id != 0) Release(&raw_);
    }

protected:
    Raw raw_{};
};

// The only owner of a value object: frees it in its destructor. To be used by one thread at a time.
template <class Raw, void (*Free)(Raw *)>
class owned {
public:
    using raw_type = Raw *;

    owned() = default;
    // Takes over an object of the C functions.
    explicit owned(Raw *raw) noexcept : raw_(raw) {}
    owned(owned &&other) noexcept : raw_(other.release()) {}
    owned &operator=(owned &&other) noexcept {
        if (this != &other) {
            Free(raw_);
            raw_ = other.release();
        }
        return *this;
    }
    ~owned() { Free(raw_); }

    // For the C functions; it stays this object's.
    Raw *get() const noexcept { return raw_; }
    // For the C functions, and the caller's from now on.
    [[nodiscard]] Raw *release() noexcept { return std::exchange(raw_, nullptr); }

protected:
    Raw *raw_ = nullptr;
};

// Accessors of an object that belongs to somebody else, such as an entry to its page.
template <class Raw>
class viewed {
public:
    viewed() = default;
    explicit viewed(const Raw *raw) noexcept : raw_(raw) {}
    const Raw *get() const noexcept { return raw_; }

protected:
    const Raw *raw_ = nullptr;
};

// The accessors `View` of an object that is freed in the destructor.
template <class View, class Raw, void (*Free)(Raw *)>
class owning : public View {
public:
    using raw_type = Raw *;

    owning() = default;
    explicit owning(Raw *raw) noexcept : View(raw), owner_(raw) {}
    owning(owning &&other) noexcept : owning(other.release()) {}
    owning &operator=(owning &&other) noexcept {
        owner_ = std::move(other.owner_);
        this->raw_ = std::exchange(other.raw_, nullptr);
        return *this;
    }

    Raw *get() const noexcept { return owner_.get(); }
    [[nodiscard]] Raw *release() noexcept {
        this->raw_ = nullptr;
        return owner_.release();
    }

private:
    owned<Raw, Free> owner_;
};

template <class T, class = void>
struct has_get : std::false_type {};
template <class T>
struct has_get<T, std::void_t<typename T::raw_type, decltype(std::declval<const T &>().get())>> : std::true_type {};

template <class T>
struct is_duration : std::false_type {};
template <class Rep, class Period>
struct is_duration<std::chrono::duration<Rep, Period>> : std::true_type {};

// Text and configurations can be faulty before any C function has seen them.
template <class T, class = void>
struct has_faults : std::false_type {};
template <class T>
struct has_faults<T, std::void_t<decltype(std::declval<const T &>().is_whole())>> : std::true_type {};

template <class T>
bool is_usable(const T &value) noexcept {
    if constexpr (has_faults<T>::value) return value.is_whole();
    else if constexpr (is_duration<T>::value) return value >= value.zero();
    else return true;
}

template <class T>
void add_fault(error &first, const T &value) {
    if (first || is_usable(value)) return;
    if constexpr (has_faults<T>::value) first = value.error();
    else first = {status::invalid_argument, "argument.negative", "a duration of the configuration is negative; pass 0 or more"};
}

template <class... Args>
error first_fault(const Args &...args) {
    error first;
    (add_fault(first, args), ...);
    return first;
}

// How an argument of this binding is passed to a C function; C types are passed as they are.
template <class T>
constexpr auto pass(const T &value) noexcept {
    if constexpr (std::is_same_v<T, text>) return value.c_str();
    else if constexpr (std::is_same_v<T, timeout>) return value.ms();
    else if constexpr (std::is_same_v<T, bool>) return static_cast<std::int32_t>(value);
    else if constexpr (std::is_enum_v<T>) return bits(value);
    else if constexpr (is_duration<T>::value) return static_cast<std::uint64_t>(value.count());
    else if constexpr (has_get<T>::value) return value.get();
    else return value;
}

// What a C function writes for a `T`, and the `T` that is made of it.
template <class T, class = void>
struct output {
    using raw_type = T;
    static T take(T raw) noexcept { return raw; }
};
template <class T>
struct output<T, std::void_t<typename T::raw_type>> {
    using raw_type = typename T::raw_type;
    static T take(raw_type raw) noexcept { return T(raw); }
};
template <>
struct output<bool, void> {
    using raw_type = std::uint8_t;
    static bool take(raw_type raw) noexcept { return raw != 0; }
};

// Calls a C function that has no output but its error.
template <class... Params, class... Args>
result<void> call(msb_status (*function)(Params...), const Args &...args) {
    if (!(is_usable(args) && ...)) return first_fault(args...);
    msb_error *err = nullptr;
    const msb_status status = function(pass(args)..., &err);
    if (status != MSB_OK) return error(status, err);
    return {};
}

// Calls a C function whose output before the error is a `T`.
template <class T, class... Params, class... Args>
result<T> call_for(msb_status (*function)(Params...), const Args &...args) {
    if (!(is_usable(args) && ...)) return first_fault(args...);
    msb_error *err = nullptr;
    typename output<T>::raw_type raw{};
    const msb_status status = function(pass(args)..., &raw, &err);
    if (status != MSB_OK) return error(status, err);
    return output<T>::take(raw);
}

inline error out_of_memory() { return {status::out_of_memory, "", "memory could not be allocated; free some and try again"}; }
}  // namespace detail

// Bytes that the library made, without a copy. The views live as long as this.
class bytes : public detail::owned<msb_bytes, msb_bytes_free> {
public:
    using owned::owned;
    const std::byte *data() const noexcept { return view().data(); }
    std::size_t size() const noexcept { return msb_bytes_len(raw_); }
    bytes_view view() const noexcept { return {msb_bytes_data(raw_), msb_bytes_len(raw_)}; }
    // NUL-terminated; may hold NUL bytes or be no UTF-8.
    std::string_view text() const noexcept { return view().text(); }
};

// A file descriptor, closed in the destructor.
class file_descriptor {
public:
    using raw_type = std::int32_t;

    file_descriptor() = default;
    explicit file_descriptor(int fd) noexcept : fd_(fd) {}
    file_descriptor(file_descriptor &&other) noexcept : fd_(other.release()) {}
    file_descriptor &operator=(file_descriptor &&other) noexcept {
        if (this != &other) {
            reset();
            fd_ = other.release();
        }
        return *this;
    }
    ~file_descriptor() { reset(); }

    int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset() noexcept {
        if (fd_ >= 0) ::close(release());
    }

private:
    int fd_ = -1;
};

// The version of the library, which may be newer than these headers; theirs is MSB_VERSION_STRING.
inline std::string_view version() noexcept { return msb_version(); }
// To be compared with MSB_ABI_VERSION by a program that loads the library at run time.
inline std::uint32_t abi_version() noexcept { return msb_abi_version(); }
// How the library was built, as JSON.
inline result<bytes> build_info() { return detail::call_for<bytes>(msb_build_info); }
// How many handles of an MSB_KIND_* are live: what a leak check compares with zero.
inline std::uint64_t live_objects(std::uint32_t kind = MSB_KIND_ALL) noexcept { return msb_debug_live_objects(kind); }

}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
