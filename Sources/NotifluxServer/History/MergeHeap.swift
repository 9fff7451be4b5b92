/// The next message of each of several topics, smallest number first: a binary heap.
struct MergeHeap {
  struct Run {
    /// The number of the topic's next message.
    var sequence: UInt64
    let slot: Int32
    /// Where that message stands in its topic's history.
    var index: Int
    /// The place of the topic in the reader's list.
    let place: Int
  }

  private var runs: ContiguousArray<Run> = []

  init(_ runs: ContiguousArray<Run>) {
    self.runs = runs
    for index in stride(from: runs.count / 2 - 1, through: 0, by: -1) { sink(index) }
  }

  var isEmpty: Bool { runs.isEmpty }
  var first: Run? { runs.first }

  /// Puts the topic's following message in the place of the first, or takes the topic away.
  mutating func replaceFirst(sequence: UInt64?) {
    guard !runs.isEmpty else { return }
    if let sequence {
      runs[0].sequence = sequence
      runs[0].index += 1
    } else {
      runs.swapAt(0, runs.count - 1)
      runs.removeLast()
    }
    sink(0)
  }

  private mutating func sink(_ index: Int) {
    var parent = index
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < runs.count {
        if runs[child].sequence < runs[smallest].sequence { smallest = child }
      }
      guard smallest != parent else { return }
      runs.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
