// What this host can run.
import CMsb

/// What this host can run, and what to do about what it cannot. Wraps the functions `msb_probe_report_*`.
public struct ProbeReport: Sendable {
    /// The driver that `auto` takes on this host; nil if none works.
    public let driver: Driver?
    /// The isolation that it gives.
    public let isolation: Isolation?
    public let checks: [Check]

    /// What was found about one thing that drivers need.
    public struct Check: Sendable {
        /// What was looked at: `"kernel"`, `"kvm"` or `"qemu"`.
        public let name: String
        /// Whether it can be used.
        public let isUsable: Bool
        /// Why it cannot be used, as a stable dotted word such as `"kvm.no_permission"`; empty if it can.
        public let reason: String
        /// What was found, for people.
        public let message: String
        /// What to do about it, for people; empty if nothing has to be done.
        public let remedy: String
    }

    init(_ report: OpaquePointer) {
        driver = Driver(ifAny: msb_probe_report_driver(report))
        isolation = Isolation(ifAny: msb_probe_report_isolation(report))
        checks = (0..<msb_probe_report_len(report)).map { index in
            Check(
                name: string(msb_probe_report_name(report, index)),
                isUsable: msb_probe_report_ok(report, index) != 0,
                reason: string(msb_probe_report_reason(report, index)),
                message: string(msb_probe_report_message(report, index)),
                remedy: string(msb_probe_report_remedy(report, index)))
        }
    }
}
