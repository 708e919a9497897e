import CMsb
import Foundation
import XCTest

@testable import Msb

final class LibraryTests: XCTestCase {
    func testTheVersionIsThatOfTheHeader() throws {
        XCTAssertEqual(Library.version, MSB_VERSION_STRING)
        XCTAssertEqual(Library.abiVersion, UInt32(MSB_ABI_VERSION))
        XCTAssertTrue(try Library.buildInfo().contains(#""version""#))
    }

    func testStatusesAreNamedAsInC() {
        XCTAssertEqual(MsbError.Status.notFound.description, "MSB_ERR_NOT_FOUND")
        XCTAssertEqual(MsbError.Status.busy.description, "MSB_ERR_BUSY")
        XCTAssertEqual(MsbError.Status(rawValue: 9999).description, "MSB_ERR_UNKNOWN")
    }

    func testTimeLimitsAreNeverShortenedAndNeverWrap() {
        XCTAssertEqual(milliseconds(nil as Duration?), -1)
        XCTAssertEqual(milliseconds(Optional(Duration.zero)), 0)
        XCTAssertEqual(milliseconds(Optional(Duration.nanoseconds(1))), 1)
        XCTAssertEqual(milliseconds(Optional(Duration.milliseconds(1500))), 1500)
        XCTAssertEqual(milliseconds(Optional(Duration.seconds(-5))), 0)
        XCTAssertEqual(milliseconds(Optional(Duration.seconds(Int64.max))), Int64.max)
        XCTAssertEqual(nanoseconds(.seconds(-1)), -1_000_000_000)
        XCTAssertEqual(nanoseconds(.seconds(Int64.max)), Int64.max)
    }

    func testAnErrorCarriesEverythingThatTheLibrarySays() async throws {
        try await withBackend { backend in
            do throws(MsbError) {
                _ = try backend.openSandbox("nobody")
                XCTFail("a sandbox that is not there was opened")
            } catch {
                XCTAssertEqual(error.status, .notFound)
                XCTAssertEqual(error.reason, "sandbox.not_found")
                XCTAssertEqual(error.detail("sandbox"), "nobody")
                XCTAssertTrue(error.message.contains("nobody"))
                XCTAssertTrue(error.description.contains("MSB_ERR_NOT_FOUND"))
                XCTAssertFalse(error.isRetryable)
            }
        }
    }

    func testAnErrnoAndItsCauseArePassedOn() async throws {
        let error = await expect(.notFound, "home.create") {
            _ = try await Backend(BackendConfig(home: "/proc/no/such/home"))
        }
        XCTAssertEqual(error?.errno, ENOENT)
        XCTAssertEqual(error?.causes.isEmpty, false)
    }

    func testTextWithANulIsRefusedAndNotCutOff() async throws {
        try await withBackend { backend in
            await expect(.invalidArgument, "argument.nul") { _ = try backend.openSandbox("a\0b") }
            var config = SandboxConfig(name: "box", image: "/")
            config.environment = ["KEY": "a\0b"]
            let refused = config
            await expect(.invalidArgument, "argument.nul") { _ = try await backend.createSandbox(refused) }
        }
    }
}
