// Words of which a later version of the library may have more: structs over text in place of enums, so that a value
// that this module does not know is still a value.

/// A word of an open set.
public protocol OpenName: RawRepresentable, Hashable, Sendable, CustomStringConvertible where RawValue == String {
    init(rawValue: String)
}

extension OpenName {
    public var description: String { rawValue }

    init(_ text: UnsafePointer<CChar>?) {
        self.init(rawValue: string(text))
    }

    init?(ifAny text: UnsafePointer<CChar>?) {
        guard let text = stringIfAny(text) else { return nil }
        self.init(rawValue: text)
    }
}

/// A hypervisor driver.
public struct Driver: OpenName {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// `krun` where hardware virtualization works, `qemu` elsewhere.
    public static let auto = Driver(rawValue: "auto")
    public static let krun = Driver(rawValue: "krun")
    public static let qemu = Driver(rawValue: "qemu")
}

/// What keeps a guest apart from the host; as a requirement, the least that is enough.
public struct Isolation: OpenName {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// As a requirement: emulation will do.
    public static let any = Isolation(rawValue: "any")
    public static let hardware = Isolation(rawValue: "hardware")
    public static let emulated = Isolation(rawValue: "emulated")
}

/// What a volume is made of.
public struct VolumeKind: OpenName {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let directory = VolumeKind(rawValue: "dir")
    public static let disk = VolumeKind(rawValue: "disk")
}
