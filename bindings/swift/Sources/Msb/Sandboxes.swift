// The sandboxes of a backend: creating, opening by name, listing.
import CMsb

extension Backend {
    /// Creates a sandbox. It is not started, but everything that a start needs is checked. If this is cancelled or
    /// fails, nothing of it is left. Wraps `msb_sandbox_create_async`.
    public func createSandbox(_ config: SandboxConfig) async throws(MsbError) -> Sandbox {
        let config = try config.object()
        return Sandbox(
            taking: try await perform(
                msb_sandbox(), { handle, out, error in msb_op_take_sandbox(handle, out, error) }
            ) { queue, token, operation, error in
                msb_sandbox_create_async(handle, config.pointer, queue, token, operation, error)
            })
    }

    /// Opens a sandbox by name, whoever created it and whether or not it runs. Wraps `msb_sandbox_open`.
    public func openSandbox(_ name: String) throws(MsbError) -> Sandbox {
        let name = try text(name, "name")
        return Sandbox(
            taking: try output(msb_sandbox()) { out, error in msb_sandbox_open(handle, name, out, error) })
    }

    /// All sandboxes that the filter lets through, in the order of their names: every page from its cursor on.
    public func sandboxes(matching filter: SandboxFilter = SandboxFilter()) throws(MsbError) -> [SandboxInfo] {
        try everyPage(filter, sandboxPage(matching:))
    }

    /// One page of the sandboxes that the filter lets through. Wraps `msb_sandbox_list`.
    public func sandboxPage(matching filter: SandboxFilter = SandboxFilter()) throws(MsbError) -> Page<SandboxInfo> {
        let filter = try filter.object()
        return try converted(
            msb_sandbox_page_free,
            { page in
                Page(
                    items: (0..<msb_sandbox_page_len(page)).compactMap { index in
                        msb_sandbox_page_get(page, index).map(SandboxInfo.init)
                    }, nextCursor: stringIfAny(msb_sandbox_page_next(page)))
            }
        ) { out, error in msb_sandbox_list(handle, filter.pointer, out, error) }
    }
}

/// A page of a listing.
public struct Page<Item: Sendable>: Sendable {
    /// May be fewer than the filter's limit, even none, before the last page.
    public let items: [Item]
    /// What the filter's cursor is set to for the next page; nil after the last.
    public let nextCursor: String?
}

/// A filter that says where a listing goes on.
protocol PagedFilter {
    var cursor: String? { get set }
}

func everyPage<Filter: PagedFilter, Item>(
    _ filter: Filter, _ page: (Filter) throws(MsbError) -> Page<Item>
) throws(MsbError) -> [Item] {
    var filter = filter
    var items: [Item] = []
    repeat {
        let next = try page(filter)
        items += next.items
        filter.cursor = next.nextCursor
    } while filter.cursor != nil
    return items
}

/// Which sandboxes a listing gives; all that is set must hold. Wraps the functions `msb_sandbox_filter_*`.
public struct SandboxFilter: PagedFilter, Sendable {
    /// Only sandboxes that have all these labels.
    public var labels: [String: String] = [:]
    /// Only sandboxes in one of these statuses; empty for any.
    public var statuses: [SandboxStatus] = []
    /// Only sandboxes whose name begins so.
    public var namePrefix: String?
    /// How many sandboxes a page holds at most, 1 to 1000. Default: 100.
    public var limit: Int?
    /// Where to go on: what the page before gave. Default: from the beginning.
    public var cursor: String?
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_sandbox_filter_new() }, fromJSON: msb_sandbox_filter_from_json,
        toJSON: msb_sandbox_filter_to_json, free: msb_sandbox_filter_free)

    public init(labels: [String: String] = [:], statuses: [SandboxStatus] = [], namePrefix: String? = nil) {
        self.labels = labels
        self.statuses = statuses
        self.namePrefix = namePrefix
    }

    /// Reads a filter from JSON; `schemas/msb_sandbox_filter.json` describes it. Properties that are set afterwards are
    /// added to what the text says, or count instead of it.
    public init(json: String) throws(MsbError) {
        base = json
        _ = try object()
    }

    /// The filter as JSON: the options that differ from their defaults.
    public func json() throws(MsbError) -> String {
        try object().json()
    }

    func object() throws(MsbError) -> ConfigObject {
        let filter = try ConfigObject(Self.functions, json: base)
        try filter.add("labels", labels, msb_sandbox_filter_add_label)
        for status in statuses { try filter.set("statuses", status, msb_sandbox_filter_add_status) }
        try filter.set("namePrefix", namePrefix, msb_sandbox_filter_set_name_prefix)
        try filter.set("limit", limit, msb_sandbox_filter_set_limit)
        try filter.set("cursor", cursor, msb_sandbox_filter_set_cursor)
        return filter
    }
}
