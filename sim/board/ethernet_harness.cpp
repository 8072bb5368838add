// Carriers in, carriers out, a byte time a cycle.
//
// A carrier is what is on the line while the PHY says "valid": preamble, SFD, frame, FCS. The C functions at the end
// are the interface, with those of verilated_board.cpp; sim/board/ethernet.py calls them through ctypes.

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "verilated_board.h"

namespace {

// Cycles count from the creation of the board; both are inclusive.
struct Carrier {
    std::vector<uint8_t> bytes;
    uint64_t first_cycle = 0;
    uint64_t last_cycle = 0;
};

struct Arrival {
    std::vector<uint8_t> bytes;
    uint32_t gap_cycles;   // idle byte times before it, at least
    int64_t error_byte;    // marked as broken by the PHY; negative for none
};

// Longer than any frame, so that a design that never ends one shows as one that is cut.
constexpr size_t kMaxCarrierBytes = 4096;
// hdl.link.ethernet.ethernet_link.dropped_layout
constexpr int kDropReasons = 6;

class LineBoard final : public VerilatedBoard {
public:
    std::deque<Arrival> received;  // waiting to enter the design
    std::deque<Carrier> sent;
    uint64_t dropped[kDropReasons] = {};

    bool cycle() override {
        const bool given = present();
        settle();
        const bool taken = top->tx_valid;
        const bool complete = collect();
        const bool busy = top->busy;
        for (int reason = 0; reason < kDropReasons; ++reason) dropped[reason] += top->dropped >> reason & 1;
        tick(given || taken || busy);
        return complete;
    }

    size_t queued() const override { return received.size(); }

private:
    size_t position = 0;       // of the next byte in the first of `received`
    uint64_t idle_cycles = 0;  // since the last byte in
    Carrier sending;           // leaving the design

    // Puts the next byte on the line, if its time has come.
    bool present() {
        const bool goes = !received.empty() && (position > 0 || idle_cycles >= received.front().gap_cycles);
        top->rx_valid = goes;
        top->rx_error = 0;
        if (!goes) {
            ++idle_cycles;
            return false;
        }
        const Arrival& arrival = received.front();
        top->rx_data = arrival.bytes[position];
        top->rx_error = static_cast<int64_t>(position) == arrival.error_byte;
        idle_cycles = 0;
        if (++position == arrival.bytes.size()) {
            received.pop_front();
            position = 0;
        }
        return true;
    }

    // Takes the byte on the line; true when a carrier has just fallen.
    bool collect() {
        if (top->tx_valid) {
            if (sending.bytes.empty()) sending.first_cycle = cycles;
            if (sending.bytes.size() < kMaxCarrierBytes) sending.bytes.push_back(top->tx_data);
            sending.last_cycle = cycles;
            return false;
        }
        if (sending.bytes.empty()) return false;
        sent.push_back(std::move(sending));
        sending = Carrier();
        return true;
    }
};

}  // namespace

VerilatedBoard* make_board() { return new LineBoard; }

extern "C" {

void board_push(LineBoard* board, const uint8_t* bytes, size_t length, uint32_t gap_cycles, int64_t error_byte) {
    if (length) board->received.push_back({{bytes, bytes + length}, gap_cycles, error_byte});
}

// Takes the oldest carrier the design sent; 0 when there is none.
size_t board_pop(LineBoard* board, uint8_t* bytes, size_t capacity, uint64_t* first_cycle, uint64_t* last_cycle) {
    if (board->sent.empty()) return 0;
    const Carrier& carrier = board->sent.front();
    const size_t length = std::min(carrier.bytes.size(), capacity);
    std::memcpy(bytes, carrier.bytes.data(), length);
    *first_cycle = carrier.first_cycle;
    *last_cycle = carrier.last_cycle;
    board->sent.pop_front();
    return length;
}

uint64_t board_dropped(const LineBoard* board, int reason) { return board->dropped[reason]; }
}
