// A snapshot of an image.
import CMsb

/// A snapshot of an image. Wraps the functions `msb_image_info_*`.
public struct ImageInfo: Sendable {
    /// What it is asked for by, in its full form: `docker.io/library/python:3.12`.
    public let reference: String
    /// The digest of its manifest.
    public let digest: String
    /// The digest of its configuration; nil when unknown.
    public let configDigest: String?
    /// The processor that it is for, such as `amd64`; nil when unknown.
    public let architecture: String?
    /// The operating system that it is for; nil when unknown.
    public let operatingSystem: String?
    /// The variant of the processor, such as `v8`.
    public let variant: String?
    /// The size of its layers as they are transferred.
    public let sizeBytes: UInt64
    /// The size of its layers on this disk; other images may share them.
    public let diskBytes: UInt64
    /// What those of its layers take on this disk that no other image has: what goes with its last reference.
    public let uniqueBytes: UInt64
    /// When the reference was first stored, since 1970 UTC.
    public let created: Duration
    /// When the reference last changed what it stands for, since 1970 UTC.
    public let updated: Duration
    /// Its layers, the lowest first.
    public let layers: [Layer]
    /// The environment of its commands, each `NAME=VALUE`.
    public let environment: [String]
    public let entrypoint: [String]
    /// The default arguments of the entrypoint; without one, the default command.
    public let command: [String]
    /// Where its commands run; nil for `/`.
    public let workingDirectory: String?
    /// Who they run as, `USER[:GROUP]`; nil for root.
    public let user: String?
    /// The signal that asks its default command to end; nil for `SIGTERM`.
    public let stopSignal: String?
    public let labels: [String: String]

    /// A layer of an image.
    public struct Layer: Hashable, Sendable {
        /// Its digest as it is transferred.
        public let digest: String
        /// The digest of its archive, unpacked.
        public let diffID: String
        /// Its size as it is transferred.
        public let sizeBytes: UInt64
        /// Its size on this disk.
        public let diskBytes: UInt64
    }

    init(_ info: OpaquePointer) {
        reference = string(msb_image_info_reference(info))
        digest = string(msb_image_info_digest(info))
        configDigest = stringIfAny(msb_image_info_config_digest(info))
        architecture = stringIfAny(msb_image_info_architecture(info))
        operatingSystem = stringIfAny(msb_image_info_os(info))
        variant = stringIfAny(msb_image_info_variant(info))
        sizeBytes = msb_image_info_size_bytes(info)
        diskBytes = msb_image_info_disk_bytes(info)
        uniqueBytes = msb_image_info_unique_bytes(info)
        created = .milliseconds(msb_image_info_created_unix_ms(info))
        updated = .milliseconds(msb_image_info_updated_unix_ms(info))
        layers = (0..<msb_image_info_layer_count(info)).map { index in
            Layer(
                digest: string(msb_image_info_layer_digest(info, index)),
                diffID: string(msb_image_info_layer_diff_id(info, index)),
                sizeBytes: msb_image_info_layer_size_bytes(info, index),
                diskBytes: msb_image_info_layer_disk_bytes(info, index))
        }
        environment = (0..<msb_image_info_env_count(info)).map { string(msb_image_info_env(info, $0)) }
        entrypoint = (0..<msb_image_info_entrypoint_count(info)).map { string(msb_image_info_entrypoint(info, $0)) }
        command = (0..<msb_image_info_cmd_count(info)).map { string(msb_image_info_cmd(info, $0)) }
        workingDirectory = stringIfAny(msb_image_info_working_dir(info))
        user = stringIfAny(msb_image_info_user(info))
        stopSignal = stringIfAny(msb_image_info_stop_signal(info))
        labels = pairs(
            msb_image_info_label_count(info), { msb_image_info_label_key(info, $0) },
            { msb_image_info_label_value(info, $0) })
    }
}
