/// Time and chance as a subscription sees them; tests put their own in their place.
struct Pacing: Sendable {
  var now: @Sendable () -> ContinuousClock.Instant = { .now }
  var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  var generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
}
