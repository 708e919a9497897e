// Listings: pages, which are ranges of their entries, and the way from page to page.
#ifndef MSB_LISTING_HPP
#define MSB_LISTING_HPP

#include <msb/dispatcher.hpp>
#include <msb/types.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {
namespace detail {

// Some entries of a listing, each an `Entry`, in an object of the C functions that `Free` frees, `Len` counts, `Get` looks into
// and `Next` asks where the listing goes on.
template <class Entry, class Raw, void (*Free)(Raw *), auto Len, auto Get, auto Next>
class page : public owned<Raw, Free> {
public:
    using owned<Raw, Free>::owned;
    using entries_type = sequence<Entry, Raw>;

    entries_type entries() const {
        return {this->raw_, size(), [](const Raw *raw, std::size_t i) { return Entry(Get(raw, i)); }};
    }
    std::size_t size() const { return Len(this->raw_); }
    typename entries_type::iterator begin() const { return entries().begin(); }
    typename entries_type::iterator end() const { return entries().end(); }
    // The cursor for the next page; NULL, or 0 of directories, after the last. A page before the last may be short, even empty.
    auto next() const { return Next(this->raw_); }
};

// Has `look(entry)` look at each entry of a first page and of those that `list(cursor)` gives, until it returns `false`.
template <class Page, class List, class Look>
result<void> each_entry(result<Page> page, List &&list, Look &look) {
    for (;;) {
        if (!page) return page.error();
        for (const auto entry : *page)
            if (verdict(look, entry) != MSB_CALLBACK_CONTINUE) return {};
        const auto cursor = page->next();
        if (!cursor) return {};
        page = list(cursor);
    }
}

}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
