// Packets in, packets out.
//
// The C functions at the end are the interface, with those of verilated_board.cpp; sim/board/harness.py calls them
// through ctypes. A packet is handed over byte by byte on the rx stream and collected byte by byte from the tx stream,
// which always flows.

#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "verilated_board.h"

namespace {

using Packet = std::vector<uint8_t>;

// Longer than any packet of the link, so that a design that never ends a packet shows as one that is cut.
constexpr size_t kMaxPacketBytes = 2048;
// hdl.link.packet_bytes.byte_layout
constexpr unsigned kFirst = 1u << 8;
constexpr unsigned kLast = 1u << 9;

class PacketBoard final : public VerilatedBoard {
public:
    std::deque<Packet> received;  // waiting to enter the design
    std::deque<Packet> sent;
    uint64_t busy_cycles = 0;

    bool cycle() override {
        present();
        settle();
        const bool taken = top->rx_valid && top->rx_ready;
        const bool given = top->tx_valid;
        const bool last = given && (top->tx_payload & kLast);
        if (given) {
            if (top->tx_payload & kFirst) sending.clear();
            if (sending.size() < kMaxPacketBytes) sending.push_back(top->tx_payload & 0xFF);
        }
        const bool busy = top->busy;
        tick(taken || given || busy);
        busy_cycles += busy;
        if (taken) advance();
        if (last) sent.push_back(std::move(sending));
        if (last) sending = Packet();
        return last;
    }

    size_t queued() const override { return received.size(); }

private:
    size_t position = 0;  // of the next byte in the first of `received`
    Packet sending;       // leaving the design

    void present() {
        if (received.empty()) {
            top->rx_valid = 0;
            return;
        }
        const Packet& packet = received.front();
        top->rx_valid = 1;
        const unsigned first = position == 0 ? kFirst : 0;
        const unsigned last = position + 1 == packet.size() ? kLast : 0;
        top->rx_payload = packet[position] | first | last;
    }

    void advance() {
        if (++position < received.front().size()) return;
        received.pop_front();
        position = 0;
    }
};

}  // namespace

VerilatedBoard* make_board() { return new PacketBoard; }

extern "C" {

// `length` is at least 1.
void board_push(PacketBoard* board, const uint8_t* bytes, size_t length) {
    board->received.emplace_back(bytes, bytes + length);
}

// Takes the oldest packet the design sent; 0 when there is none.
size_t board_pop(PacketBoard* board, uint8_t* bytes, size_t capacity) {
    if (board->sent.empty()) return 0;
    const Packet& packet = board->sent.front();
    const size_t length = packet.size() < capacity ? packet.size() : capacity;
    std::memcpy(bytes, packet.data(), length);
    board->sent.pop_front();
    return length;
}

uint64_t board_busy_cycles(const PacketBoard* board) { return board->busy_cycles; }
}
