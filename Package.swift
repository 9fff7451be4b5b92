// swift-tools-version: 6.1
import PackageDescription

/// Warnings are errors where `NOTIFLUX_STRICT` is set (scripts/test sets it); unsafe flags would keep other
/// packages from depending on this one, so they are not on by default.
let strict: [SwiftSetting] =
  Context.environment["NOTIFLUX_STRICT"] == nil ? [] : [.unsafeFlags(["-warnings-as-errors"])]

func nio(_ product: String) -> Target.Dependency { .product(name: product, package: "swift-nio") }
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
  name: "notiflux",
  products: [
    .executable(name: "notiflux", targets: ["notiflux"]),
    .library(name: "NotifluxProtocol", targets: ["NotifluxProtocol"]),
    .library(name: "NotifluxJWT", targets: ["NotifluxJWT"]),
    .library(name: "NotifluxClient", targets: ["NotifluxClient"]),
    .library(name: "NotifluxServer", targets: ["NotifluxServer"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    // Level 0: nothing of ours below.
    .target(name: "CLinux"),
    .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CReadline", providers: [.apt(["libreadline-dev"])]),
    .target(name: "NotifluxProtocol", swiftSettings: strict),
    .target(name: "CommandTable", swiftSettings: strict),
    // Level 1.
    .target(
      name: "NotifluxWebSocket",
      dependencies: ["NotifluxProtocol", "CZlib", nio("NIOCore"), nio("NIOConcurrencyHelpers")],
      swiftSettings: strict),
    .target(name: "NotifluxJWT", dependencies: ["NotifluxProtocol", "COpenSSL"], swiftSettings: strict),
    // Level 2: the server and the client never see each other.
    .target(
      name: "NotifluxClient",
      dependencies: [
        "NotifluxProtocol", "NotifluxWebSocket", nio("NIOCore"), nio("NIOPosix"), nio("NIOConcurrencyHelpers"),
        nio("NIOHTTP1"), nio("NIOTLS"), nio("NIOWebSocket"), nioSSL,
      ], swiftSettings: strict),
    .target(
      name: "NotifluxServer",
      dependencies: [
        "NotifluxProtocol", "NotifluxWebSocket", "NotifluxJWT", "CLinux", nio("NIOCore"), nio("NIOPosix"),
        nio("NIOConcurrencyHelpers"), nioSSL, logging,
      ], swiftSettings: strict),
    // Level 3.
    .executableTarget(
      name: "notiflux",
      dependencies: [
        "CLinux", "CommandTable", "CReadline", "NotifluxProtocol", "NotifluxJWT", "NotifluxClient", "NotifluxServer",
        nio("NIOCore"), nio("NIOPosix"), nio("NIOConcurrencyHelpers"), logging,
      ], swiftSettings: strict),

    // Programs beside the product, which conformance suites talk to.
    .executableTarget(
      name: "echo-client",
      dependencies: [
        "NotifluxClient", "NotifluxWebSocket", nio("NIOCore"), nio("NIOPosix"), nio("NIOConcurrencyHelpers"),
      ],
      path: "Examples/EchoClient", swiftSettings: strict),
    .executableTarget(
      name: "echo-server", dependencies: ["NotifluxServer", nio("NIOCore"), logging], path: "Examples/EchoServer",
      swiftSettings: strict),

    .testTarget(name: "NotifluxProtocolTests", dependencies: ["NotifluxProtocol"], swiftSettings: strict),
    .testTarget(name: "CommandTableTests", dependencies: ["CommandTable"], swiftSettings: strict),
    .testTarget(
      name: "NotifluxWebSocketTests", dependencies: ["NotifluxWebSocket", nio("NIOCore")],
      swiftSettings: strict),
    .testTarget(
      name: "NotifluxJWTTests", dependencies: ["NotifluxJWT", "NotifluxProtocol"], swiftSettings: strict),
    .testTarget(
      name: "NotifluxClientTests",
      dependencies: [
        "NotifluxClient", "NotifluxProtocol", "NotifluxWebSocket", nio("NIOCore"), nio("NIOPosix"),
        nio("NIOConcurrencyHelpers"), nio("NIOEmbedded"), nioSSL,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "NotifluxServerTests",
      dependencies: [
        "NotifluxServer", "NotifluxProtocol", "NotifluxWebSocket", "NotifluxJWT", nio("NIOCore"),
        nio("NIOPosix"), nio("NIOConcurrencyHelpers"), nio("NIOEmbedded"), logging,
      ], swiftSettings: strict),
    .testTarget(name: "notifluxTests", dependencies: ["notiflux", "CommandTable"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
