/// Watches how busy topics are, at a cost that does not grow with it: the first messages of each second are counted one
/// by one, of the others one in sixteen stands for all.
struct BusyTopics {
  /// Topics that are watched at a time: some 50 KiB.
  static let capacity = 512
  /// Runs of messages counted in a second before only samples are.
  private static let countedPerTick = 32
  private static let sampleSize = 16

  private(set) var sketch = TopicSketch(capacity: capacity)
  private var left = countedPerTick
  /// Messages since the last sample.
  private var uncounted = 0

  mutating func count(_ run: MessageRun) {
    guard left == 0 else {
      left -= 1
      return sketch.count(run.topic, messages: run.count, now: run.first.accepted)
    }
    uncounted += run.count
    guard uncounted >= Self.sampleSize else { return }
    sketch.count(run.topic, messages: uncounted, now: run.first.accepted)
    uncounted = 0
  }

  /// Once a second.
  mutating func tick() { left = Self.countedPerTick }
}
