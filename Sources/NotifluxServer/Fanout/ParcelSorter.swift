import NIOCore

/// What one burst gives a subscriber: the runs of messages it gets, in order. Empty at first.
struct Parcel: Equatable {
  fileprivate(set) var index: Int32 = 0

  var isEmpty: Bool { index == 0 }
}

/// Joins what a burst has for a subscriber into one piece, and has subscribers that get the same share it: parcels are
/// places in a tree whose edges are runs of messages. For one form, and for one burst at a time. Confined to its loop.
///
/// Runs come in their order, and each is handed to all its subscribers before the next: so only a parcel's newest
/// extension is ever asked for again.
final class ParcelSorter {
  private struct Node {
    let run: MessageRun?
    let parent: Int32
    /// The extension by the newest run; 0 where there is none.
    var newest: Int32 = 0
    let byteCount: Int
    var joined: ByteBuffer?
  }

  private let form: WireForm
  /// The first one is the empty parcel.
  private var nodes: ContiguousArray<Node> = [Node(run: nil, parent: 0, byteCount: 0)]

  init(form: WireForm) { self.form = form }

  /// The parcel that holds `run` after all that `parcel` holds, and its size in bytes. O(1).
  func extend(_ parcel: Parcel, with run: MessageRun) -> (Parcel, byteCount: Int) {
    let place = Int(parcel.index)
    let newest = nodes[place].newest
    if newest != 0, nodes[Int(newest)].run === run { return (Parcel(index: newest), nodes[Int(newest)].byteCount) }
    let bytes = run.bytes(form)
    let byteCount = nodes[place].byteCount + bytes.readableBytes
    let index = Int32(nodes.count)
    nodes.append(Node(run: run, parent: parcel.index, byteCount: byteCount, joined: parcel.isEmpty ? bytes : nil))
    nodes[place].newest = index
    return (Parcel(index: index), byteCount)
  }

  /// All bytes of a parcel, joined when first asked for.
  func bytes(of parcel: Parcel) -> ByteBuffer {
    let place = Int(parcel.index)
    if let joined = nodes[place].joined { return joined }
    var runs: ContiguousArray<MessageRun> = []
    var at = place
    while let run = nodes[at].run {
      runs.append(run)
      at = Int(nodes[at].parent)
    }
    var joined = ByteBufferAllocator().buffer(capacity: nodes[place].byteCount)
    for run in runs.reversed() { joined.writeImmutableBuffer(run.bytes(form)) }
    nodes[place].joined = joined
    return joined
  }

  /// The burst is over: no parcel of it may be asked for any more.
  func removeAll() {
    guard nodes.count > 1 else { return }
    nodes.removeSubrange(1...)
    nodes[0].newest = 0
  }
}

@available(*, unavailable)
extension ParcelSorter: Sendable {}
