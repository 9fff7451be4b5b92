// swift-tools-version: 6.1
import PackageDescription

// The fuzzers: scripts/fuzz builds and runs them, docs/testing.md says what they are.
//
// A package of its own, so that the product knows nothing of it. It compiles the product's sources (`Modules` is a link
// to them) once more, so that they alone are instrumented, for coverage and for addresses, and so that the fuzzers see
// what is internal.

/// Optimised, since a fuzzer lives on its speed; the checks of a debug build are on, and a debug build it is, whose
/// dependencies are compiled quickly.
let instrumented: [SwiftSetting] = [
  .unsafeFlags(["-O", "-assert-config", "Debug", "-enable-testing", "-sanitize=fuzzer,address"])
]
let instrumentedC: [CSetting] = [.unsafeFlags(["-O1", "-fsanitize=fuzzer-no-link,address"])]

func nio(_ product: String) -> Target.Dependency { .product(name: product, package: "swift-nio") }
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

func module(_ name: String, _ dependencies: [Target.Dependency] = [], flags: [String] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Modules/\(name)",
    swiftSettings: instrumented + [.unsafeFlags(flags)])
}

let package = Package(
  name: "notiflux-fuzz",
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .target(name: "CLinux", path: "Modules/CLinux", cSettings: instrumentedC),
    .systemLibrary(name: "COpenSSL", path: "Modules/COpenSSL", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", path: "Modules/CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CReadline", path: "Modules/CReadline", providers: [.apt(["libreadline-dev"])]),
    module("NotifluxProtocol"),
    module("CommandTable"),
    module("NotifluxWebSocket", ["NotifluxProtocol", "CZlib", nio("NIOCore"), nio("NIOConcurrencyHelpers")]),
    module("NotifluxJWT", ["NotifluxProtocol", "COpenSSL"]),
    module(
      "NotifluxClient",
      [
        "NotifluxProtocol", "NotifluxWebSocket", nio("NIOCore"), nio("NIOPosix"), nio("NIOConcurrencyHelpers"),
        nio("NIOHTTP1"), nio("NIOTLS"), nio("NIOWebSocket"), nioSSL,
      ]),
    module(
      "NotifluxServer",
      [
        "NotifluxProtocol", "NotifluxWebSocket", "NotifluxJWT", "CLinux", nio("NIOCore"), nio("NIOPosix"),
        nio("NIOConcurrencyHelpers"), nioSSL, logging,
      ]),
    // Its `main` is one function among others here.
    module(
      "notiflux",
      [
        "CommandTable", "CReadline", "NotifluxProtocol", "NotifluxJWT", "NotifluxClient", "NotifluxServer",
        nio("NIOCore"), nio("NIOPosix"), nio("NIOConcurrencyHelpers"), logging,
      ], flags: ["-Xfrontend", "-entry-point-function-name", "-Xfrontend", "notiflux_main"]),
    .systemLibrary(name: "CLibFuzzer"),
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "CLibFuzzer", "CommandTable", "NotifluxProtocol", "NotifluxWebSocket", "NotifluxJWT", "NotifluxServer",
        "notiflux", nio("NIOCore"), logging,
      ],
      swiftSettings: [.unsafeFlags(["-O", "-sanitize=address"])],
      linkerSettings: [.unsafeFlags(["-sanitize=address"]), .linkedLibrary("stdc++")]),
  ],
  swiftLanguageModes: [.v6]
)
