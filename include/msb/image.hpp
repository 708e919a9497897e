// `msb::image`: root file systems that a home stores once, by reference, for any number of sandboxes. How they are loaded,
// pulled and listed, and what is known of them. Options are explained in msb.h, at the functions named beside them.
#ifndef MSB_IMAGE_HPP
#define MSB_IMAGE_HPP

#include <msb/backend.hpp>
#include <msb/listing.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

class image_load_config : public detail::config<image_load_config, msb_image_load_config, msb_image_load_config_free> {
public:
    using self = image_load_config;
    using config::config;

    // Empty: the archive's only image for this host, under the names that it has there.
    image_load_config() : config(msb_image_load_config_new()) {}
    MSB_HPP_JSON(msb_image_load_config_from_json, msb_image_load_config_to_json)

    MSB_HPP_OPTION(reference, msb_image_load_config_set_reference, (const text &reference), reference)
    MSB_HPP_OPTION(image, msb_image_load_config_set_image, (const text &name), name)
    MSB_HPP_OPTION(platform, msb_image_load_config_set_platform, (const text &platform), platform)
    MSB_HPP_OPTION(max_entries, msb_image_load_config_set_max_entries, (std::uint64_t most), most)
    MSB_HPP_OPTION(max_file_bytes, msb_image_load_config_set_max_file_bytes, (std::uint64_t most), most)
    MSB_HPP_OPTION(max_layer_bytes, msb_image_load_config_set_max_layer_bytes, (std::uint64_t most), most)
};

class image_pull_config : public detail::config<image_pull_config, msb_image_pull_config, msb_image_pull_config_free> {
public:
    using self = image_pull_config;
    using config::config;

    // Empty: for this host, if it is missing, with the logins of the configuration and of docker.
    image_pull_config() : config(msb_image_pull_config_new()) {}
    MSB_HPP_JSON(msb_image_pull_config_from_json, msb_image_pull_config_to_json)

    MSB_HPP_OPTION(policy, msb_image_pull_config_set_policy, (pull_policy policy), policy)
    MSB_HPP_OPTION(platform, msb_image_pull_config_set_platform, (const text &platform), platform)
    MSB_HPP_OPTION(credentials, msb_image_pull_config_set_credentials, (const text &username, const text &password), username,
                   password)
    MSB_HPP_OPTION(token, msb_image_pull_config_set_token, (const text &bearer), bearer)
    MSB_HPP_OPTION(insecure, msb_image_pull_config_set_insecure, (bool insecure = true), insecure)
    MSB_HPP_OPTION(max_entries, msb_image_pull_config_set_max_entries, (std::uint64_t most), most)
    MSB_HPP_OPTION(max_file_bytes, msb_image_pull_config_set_max_file_bytes, (std::uint64_t most), most)
    MSB_HPP_OPTION(max_layer_bytes, msb_image_pull_config_set_max_layer_bytes, (std::uint64_t most), most)
};

class image_filter : public detail::config<image_filter, msb_image_filter, msb_image_filter_free> {
public:
    using self = image_filter;
    using config::config;

    // Empty: lets every image through.
    image_filter() : config(msb_image_filter_new()) {}
    MSB_HPP_JSON(msb_image_filter_from_json, msb_image_filter_to_json)

    MSB_HPP_OPTION(reference_prefix, msb_image_filter_set_reference_prefix, (const text &prefix), prefix)
    MSB_HPP_OPTION(limit, msb_image_filter_set_limit, (std::uint32_t count), count)
    MSB_HPP_OPTION(cursor, msb_image_filter_set_cursor, (const text &cursor), cursor)
};

// A layer: its content's digest, and that of the form in which it is transferred, with their sizes.
struct image_layer {
    std::string_view diff_id, digest;
    std::uint64_t size_bytes, disk_bytes;
};

// An image as it was; views live as long as its page or `image_info`.
class image_info_view : public detail::viewed<msb_image_info> {
public:
    using viewed::viewed;
    using texts = detail::sequence<std::string_view, msb_image_info>;

    // In its full form, as "docker.io/library/python:3.12".
    std::string_view reference() const { return detail::text_or_empty(msb_image_info_reference(raw_)); }
    std::string_view digest() const { return detail::text_or_empty(msb_image_info_digest(raw_)); }
    std::string_view config_digest() const { return detail::text_or_empty(msb_image_info_config_digest(raw_)); }
    std::string_view architecture() const { return detail::text_or_empty(msb_image_info_architecture(raw_)); }
    std::string_view os() const { return detail::text_or_empty(msb_image_info_os(raw_)); }
    std::string_view variant() const { return detail::text_or_empty(msb_image_info_variant(raw_)); }
    // Of its layers as they are transferred.
    std::uint64_t size_bytes() const { return msb_image_info_size_bytes(raw_); }
    // Of its layers here; other images may share them.
    std::uint64_t disk_bytes() const { return msb_image_info_disk_bytes(raw_); }
    // Of the layers that no other image has.
    std::uint64_t unique_bytes() const { return msb_image_info_unique_bytes(raw_); }
    std::uint64_t created_unix_ms() const { return msb_image_info_created_unix_ms(raw_); }
    std::uint64_t updated_unix_ms() const { return msb_image_info_updated_unix_ms(raw_); }
    // The lowest first.
    detail::sequence<image_layer, msb_image_info> layers() const {
        return {raw_, msb_image_info_layer_count(raw_), [](const msb_image_info *raw, std::size_t i) {
                    return image_layer{detail::text_or_empty(msb_image_info_layer_diff_id(raw, i)),
                                       detail::text_or_empty(msb_image_info_layer_digest(raw, i)),
                                       msb_image_info_layer_size_bytes(raw, i), msb_image_info_layer_disk_bytes(raw, i)};
                }};
    }
    // What its commands have in their environment, each as "NAME=VALUE".
    texts env() const {
        return {raw_, msb_image_info_env_count(raw_),
                [](const msb_image_info *raw, std::size_t i) { return detail::text_or_empty(msb_image_info_env(raw, i)); }};
    }
    texts entrypoint() const {
        return {raw_, msb_image_info_entrypoint_count(raw_), [](const msb_image_info *raw, std::size_t i) {
                    return detail::text_or_empty(msb_image_info_entrypoint(raw, i));
                }};
    }
    texts cmd() const {
        return {raw_, msb_image_info_cmd_count(raw_),
                [](const msb_image_info *raw, std::size_t i) { return detail::text_or_empty(msb_image_info_cmd(raw, i)); }};
    }
    std::string_view working_dir() const { return detail::text_or_empty(msb_image_info_working_dir(raw_)); }
    std::string_view user() const { return detail::text_or_empty(msb_image_info_user(raw_)); }
    std::string_view stop_signal() const { return detail::text_or_empty(msb_image_info_stop_signal(raw_)); }
    detail::sequence<label, msb_image_info> labels() const {
        return {raw_, msb_image_info_label_count(raw_), [](const msb_image_info *raw, std::size_t i) {
                    return label{detail::text_or_empty(msb_image_info_label_key(raw, i)),
                                 detail::text_or_empty(msb_image_info_label_value(raw, i))};
                }};
    }
};

class image_info : public detail::owning<image_info_view, msb_image_info, msb_image_info_free> {
public:
    using owning::owning;
};

// Some images, in the order of their references: a range of `image_info_view`.
class image_page : public detail::page<image_info_view, msb_image_page, msb_image_page_free, msb_image_page_len, msb_image_page_get,
                                       msb_image_page_next> {
public:
    using page::page;
};

// The images of a backend. References are what `docker` takes: "python" is "docker.io/library/python:latest".
namespace image {

// From an archive of docker, podman or skopeo, the directory of an OCI layout, or the tar of a root file system. It is there
// whole, with all its names, or not at all.
inline result<image_info> load(const backend &backend, const text &path, const image_load_config &config = {}) {
    return detail::call_for<image_info>(msb_image_load, backend, path, config);
}
// Its progress counts bytes and layers.
inline result<op<image_info>> load_async(const backend &backend, const text &path, const image_load_config &config,
                                         const queue &queue, std::uint64_t token) {
    return detail::call_for<op<image_info>>(msb_image_load_async, backend, path, config, queue, token);
}
// From an open file, directory, pipe or socket, which stays the caller's.
inline result<image_info> load_fd(const backend &backend, int fd, const image_load_config &config = {}) {
    return detail::call_for<image_info>(msb_image_load_fd, backend, std::int32_t{fd}, config);
}
inline result<op<image_info>> load_fd_async(const backend &backend, int fd, const image_load_config &config, const queue &queue,
                                            std::uint64_t token) {
    return detail::call_for<op<image_info>>(msb_image_load_fd_async, backend, std::int32_t{fd}, config, queue, token);
}
// From its registry, unless it is there already. It is there whole, or as it was before.
inline result<image_info> pull(const backend &backend, const text &reference, const image_pull_config &config = {}) {
    return detail::call_for<image_info>(msb_image_pull, backend, reference, config);
}
// Its progress counts bytes and layers.
inline result<op<image_info>> pull_async(const backend &backend, const text &reference, const image_pull_config &config,
                                         const queue &queue, std::uint64_t token) {
    return detail::call_for<op<image_info>>(msb_image_pull_async, backend, reference, config, queue, token);
}
// As an archive that docker, podman, skopeo and `load` take. A file that is there is replaced once the archive is whole.
inline result<void> save(const backend &backend, const text &reference, const text &path) {
    return detail::call(msb_image_save, backend, reference, path);
}
// Its progress counts layers, and bytes that are read, each twice.
inline result<op<void>> save_async(const backend &backend, const text &reference, const text &path, const queue &queue,
                                   std::uint64_t token) {
    return detail::call_for<op<void>>(msb_image_save_async, backend, reference, path, queue, token);
}
// To an open file, pipe or socket, which stays the caller's.
inline result<void> save_fd(const backend &backend, const text &reference, int fd) {
    return detail::call(msb_image_save_fd, backend, reference, std::int32_t{fd});
}
inline result<op<void>> save_fd_async(const backend &backend, const text &reference, int fd, const queue &queue,
                                      std::uint64_t token) {
    return detail::call_for<op<void>>(msb_image_save_fd_async, backend, reference, std::int32_t{fd}, queue, token);
}
inline result<image_info> info(const backend &backend, const text &reference) {
    return detail::call_for<image_info>(msb_image_info_get, backend, reference);
}
inline result<image_page> list(const backend &backend, const image_filter &filter = {}) {
    return detail::call_for<image_page>(msb_image_list, backend, filter);
}
// `look(image_info_view)` for each image, on all pages, until it returns `false`.
template <class Look>
result<void> each(const backend &backend, image_filter filter, Look &&look) {
    return detail::each_entry(list(backend, filter), [&](const char *cursor) { return list(backend, filter.cursor(cursor)); }, look);
}
// With what no other image has of it; `busy` while a sandbox needs it.
inline result<void> remove(const backend &backend, const text &reference) {
    return detail::call(msb_image_remove, backend, reference);
}

}  // namespace image

namespace detail {
template <>
struct op_take<image_info> { static constexpr auto function = msb_op_take_image_info; };
}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
