// `msb::backend`: a home directory with its sandboxes and volumes. Its configuration, what it goes by, and what the host can run.
// Options are explained in msb.h, at the functions named beside them.
#ifndef MSB_BACKEND_HPP
#define MSB_BACKEND_HPP

#include <msb/config.hpp>
#include <msb/queue.hpp>

namespace msb {
inline namespace MSB_HPP_ABI {

class backend_config : public detail::config<backend_config, msb_backend_config, msb_backend_config_free> {
public:
    using self = backend_config;
    using config::config;

    // Empty: everything is as the config file says.
    backend_config() : config(msb_backend_config_new()) {}
    MSB_HPP_JSON(msb_backend_config_from_json, msb_backend_config_to_json)

    MSB_HPP_OPTION(home, msb_backend_config_set_home, (const text &path), path)
    MSB_HPP_OPTION(driver, msb_backend_config_set_driver, (const text &name), name)
    MSB_HPP_OPTION(libkrunfw_path, msb_backend_config_set_libkrunfw_path, (const text &path), path)
    MSB_HPP_OPTION(qemu_path, msb_backend_config_set_qemu_path, (const text &path), path)
    MSB_HPP_OPTION(runner_path, msb_backend_config_set_runner_path, (const text &path), path)
    MSB_HPP_OPTION(max_connections, msb_backend_config_set_max_connections, (std::uint32_t count), count)
    MSB_HPP_OPTION(connect_timeout, msb_backend_config_set_connect_timeout_secs, (std::chrono::seconds limit), limit)
    MSB_HPP_OPTION(busy_timeout, msb_backend_config_set_busy_timeout_secs, (std::chrono::seconds limit), limit)
    MSB_HPP_OPTION(default_cpus, msb_backend_config_set_default_cpus, (std::uint32_t count), count)
    MSB_HPP_OPTION(default_memory_mib, msb_backend_config_set_default_memory_mib, (std::uint32_t mib), mib)
    MSB_HPP_OPTION(shell, msb_backend_config_set_shell, (const text &path), path)
    MSB_HPP_OPTION(workdir, msb_backend_config_set_workdir, (const text &path), path)
    MSB_HPP_OPTION(metrics_sample_interval, msb_backend_config_set_metrics_sample_interval_ms,
                   (std::chrono::milliseconds interval), interval)
    MSB_HPP_OPTION(disable_metrics_sample, msb_backend_config_set_disable_metrics_sample, (bool disable = true), disable)
    MSB_HPP_OPTION(log_level, msb_backend_config_set_log_level, (const text &level), level)
    MSB_HPP_OPTION(ca_certs, msb_backend_config_set_ca_certs, (const text &path), path)
    MSB_HPP_OPTION(registry_hosts, msb_backend_config_set_registry_hosts, (const text &json), json)
    MSB_HPP_OPTION(registry_host, msb_backend_config_add_registry_host, (const text &host, bool insecure = false), host, insecure)
    MSB_HPP_OPTION(registry_auth, msb_backend_config_set_registry_auth,
                   (const text &host, const text &username, const text &source, const text &value), host, username, source, value)
    MSB_HPP_OPTION(sandboxes_dir, msb_backend_config_set_sandboxes_dir, (const text &path), path)
    MSB_HPP_OPTION(volumes_dir, msb_backend_config_set_volumes_dir, (const text &path), path)
    MSB_HPP_OPTION(snapshots_dir, msb_backend_config_set_snapshots_dir, (const text &path), path)
    MSB_HPP_OPTION(cache_dir, msb_backend_config_set_cache_dir, (const text &path), path)
    MSB_HPP_OPTION(logs_dir, msb_backend_config_set_logs_dir, (const text &path), path)
    MSB_HPP_OPTION(secrets_dir, msb_backend_config_set_secrets_dir, (const text &path), path)
};

// A registry that is configured; what there is nobody to log in as is empty.
struct registry {
    std::string_view host, username, auth_source, auth_value;
    bool insecure;
};

// What a backend goes by. Views live as long as this.
class backend_info : public detail::owned<msb_backend_info, msb_backend_info_free> {
public:
    using owned::owned;

    result<bytes> to_json() const { return detail::call_for<bytes>(msb_backend_info_to_json, *this); }

    std::string_view home() const { return detail::text_or_empty(msb_backend_info_home(raw_)); }
    std::string_view config_path() const { return detail::text_or_empty(msb_backend_info_config_path(raw_)); }
    bool config_found() const { return msb_backend_info_config_found(raw_) != 0; }
    std::string_view database_path() const { return detail::text_or_empty(msb_backend_info_database_path(raw_)); }
    std::string_view sandboxes_dir() const { return detail::text_or_empty(msb_backend_info_sandboxes_dir(raw_)); }
    std::string_view volumes_dir() const { return detail::text_or_empty(msb_backend_info_volumes_dir(raw_)); }
    std::string_view snapshots_dir() const { return detail::text_or_empty(msb_backend_info_snapshots_dir(raw_)); }
    std::string_view cache_dir() const { return detail::text_or_empty(msb_backend_info_cache_dir(raw_)); }
    std::string_view logs_dir() const { return detail::text_or_empty(msb_backend_info_logs_dir(raw_)); }
    std::string_view secrets_dir() const { return detail::text_or_empty(msb_backend_info_secrets_dir(raw_)); }
    std::string_view driver() const { return detail::text_or_empty(msb_backend_info_driver(raw_)); }
    std::string_view libkrunfw_path() const { return detail::text_or_empty(msb_backend_info_libkrunfw_path(raw_)); }
    std::string_view qemu_path() const { return detail::text_or_empty(msb_backend_info_qemu_path(raw_)); }
    std::string_view runner_path() const { return detail::text_or_empty(msb_backend_info_runner_path(raw_)); }
    std::uint32_t max_connections() const { return msb_backend_info_max_connections(raw_); }
    std::uint64_t connect_timeout_secs() const { return msb_backend_info_connect_timeout_secs(raw_); }
    std::uint64_t busy_timeout_secs() const { return msb_backend_info_busy_timeout_secs(raw_); }
    std::uint32_t default_cpus() const { return msb_backend_info_default_cpus(raw_); }
    std::uint32_t default_memory_mib() const { return msb_backend_info_default_memory_mib(raw_); }
    std::uint64_t default_upper_size_mib() const { return msb_backend_info_default_upper_size_mib(raw_); }
    std::string_view shell() const { return detail::text_or_empty(msb_backend_info_shell(raw_)); }
    std::string_view workdir() const { return detail::text_or_empty(msb_backend_info_workdir(raw_)); }
    std::uint64_t metrics_sample_interval_ms() const { return msb_backend_info_metrics_sample_interval_ms(raw_); }
    bool disable_metrics_sample() const { return msb_backend_info_disable_metrics_sample(raw_) != 0; }
    std::uint32_t metrics_capacity() const { return msb_backend_info_metrics_capacity(raw_); }
    std::string_view log_level() const { return detail::text_or_empty(msb_backend_info_log_level(raw_)); }
    std::string_view active_profile() const { return detail::text_or_empty(msb_backend_info_active_profile(raw_)); }
    std::string_view ca_certs() const { return detail::text_or_empty(msb_backend_info_ca_certs(raw_)); }
    detail::sequence<registry, msb_backend_info> registries() const {
        return {raw_, msb_backend_info_registry_count(raw_), [](const msb_backend_info *raw, std::size_t i) {
                    return registry{detail::text_or_empty(msb_backend_info_registry_host(raw, i)),
                                    detail::text_or_empty(msb_backend_info_registry_username(raw, i)),
                                    detail::text_or_empty(msb_backend_info_registry_auth_source(raw, i)),
                                    detail::text_or_empty(msb_backend_info_registry_auth_value(raw, i)),
                                    msb_backend_info_registry_insecure(raw, i) != 0};
                }};
    }
};

class backend : public detail::handle<msb_backend, msb_backend_release> {
public:
    using handle::handle;

    // As the environment and the config file say; opens its database when that is first needed.
    static result<backend> create() {
        return detail::call_for<backend>(msb_backend_new, static_cast<const msb_backend_config *>(nullptr));
    }
    static result<backend> create(const backend_config &config) { return detail::call_for<backend>(msb_backend_new, config); }
    static result<op<backend>> create_async(const backend_config &config, const queue &queue, std::uint64_t token) {
        return detail::call_for<op<backend>>(msb_backend_new_async, config, queue, token);
    }
    // The one that everybody in the process can share: `msb_backend_default`.
    static result<backend> shared() { return detail::call_for<backend>(msb_backend_default); }

    result<backend_info> info() const { return detail::call_for<backend_info>(msb_backend_info_get, *this); }
    // Lets go of its sandboxes and waits until the attached ones have shut down.
    result<void> close(timeout limit = forever) const { return detail::call(msb_backend_close, *this, limit); }
    result<op<void>> close_async(const queue &queue, std::uint64_t token, timeout limit = forever) const {
        return detail::call_for<op<void>>(msb_backend_close_async, *this, limit, queue, token);
    }
};

// What was looked at to run guests: the kernel, or a hypervisor.
struct probe_check {
    bool ok;
    std::string_view name, reason, message, remedy;
};

// What this host can run. Views live as long as this.
class probe_report : public detail::owned<msb_probe_report, msb_probe_report_free> {
public:
    using owned::owned;

    // The driver that "auto" takes, and the isolation that it gives; both empty if none works.
    std::string_view driver() const { return detail::text_or_empty(msb_probe_report_driver(raw_)); }
    std::string_view isolation() const { return detail::text_or_empty(msb_probe_report_isolation(raw_)); }
    detail::sequence<probe_check, msb_probe_report> checks() const {
        return {raw_, msb_probe_report_len(raw_), [](const msb_probe_report *raw, std::size_t i) {
                    return probe_check{msb_probe_report_ok(raw, i) != 0, detail::text_or_empty(msb_probe_report_name(raw, i)),
                                       detail::text_or_empty(msb_probe_report_reason(raw, i)),
                                       detail::text_or_empty(msb_probe_report_message(raw, i)),
                                       detail::text_or_empty(msb_probe_report_remedy(raw, i))};
                }};
    }
};

inline result<probe_report> probe(const backend &backend) { return detail::call_for<probe_report>(msb_probe, backend); }
inline result<op<probe_report>> probe_async(const backend &backend, const queue &queue, std::uint64_t token) {
    return detail::call_for<op<probe_report>>(msb_probe_async, backend, queue, token);
}

namespace detail {
template <>
struct op_take<backend> { static constexpr auto function = msb_op_take_backend; };
template <>
struct op_take<probe_report> { static constexpr auto function = msb_op_take_probe_report; };
}  // namespace detail
}  // namespace MSB_HPP_ABI
}  // namespace msb

#endif
