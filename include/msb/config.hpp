// What the configurations have in common: options are set one after the other, `config("x").a(1).b(2)`; the first one that is
// refused is kept, and is the error of the call that uses the configuration.
#ifndef MSB_CONFIG_HPP
#define MSB_CONFIG_HPP

#include <msb/types.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {
namespace detail {

template <class Self, class Raw, void (*Free)(Raw *)>
class config : public owned<Raw, Free> {
public:
    explicit config(Raw *raw) : owned<Raw, Free>(raw) {
        if (!raw) error_ = out_of_memory();
    }

    bool is_whole() const noexcept { return !error_; }
    // Of the first option that was refused; empty if there is none.
    const msb::error &error() const noexcept { return error_; }

protected:
    template <class... Params, class... Args>
    Self &set(msb_status (*function)(Raw *, Params...), const Args &...args) {
        if (!error_) error_ = call(function, static_cast<Raw *>(this->raw_), args...).error();
        return static_cast<Self &>(*this);
    }

    Self &set_all(msb_status (*function)(Raw *, const char *const *, std::size_t, msb_error **), const texts &words) {
        if (!error_) error_ = words.error();
        return set(function, words.data(), words.size());
    }

private:
    msb::error error_;
};

}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

// An option, of a configuration that has a name and of a temporary one, which it stays.
#define MSB_HPP_OPTION(NAME, FUNCTION, PARAMETERS, ...)                         \
    self &NAME PARAMETERS & { return this->set(FUNCTION, __VA_ARGS__); }        \
    self &&NAME PARAMETERS && { return std::move(this->set(FUNCTION, __VA_ARGS__)); }

// The same for several texts.
#define MSB_HPP_TEXTS_OPTION(NAME, FUNCTION)                                                      \
    self &NAME(const texts &words) & { return this->set_all(FUNCTION, words); }                    \
    self &&NAME(const texts &words) && { return std::move(this->set_all(FUNCTION, words)); }

// To and from JSON text, which schemas/ describe.
#define MSB_HPP_JSON(FROM, TO)                                                                     \
    static result<self> from_json(const text &json) { return detail::call_for<self>(FROM, json); } \
    result<bytes> to_json() const { return detail::call_for<bytes>(TO, *this); }

#endif
