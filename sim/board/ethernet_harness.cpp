// Runs the verilated board with its network: carriers in, carriers out, a byte time a cycle, as many cycles as there is
// work for.
//
// A carrier is what is on the line while the PHY says "valid": preamble, SFD, frame, FCS. The C functions at the end are
// the whole interface; sim/board/ethernet.py calls them through ctypes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "Vboard.h"
#include "verilated.h"
#ifdef BOARD_TRACE
#include "verilated_vcd_c.h"
#endif

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

struct Board {
    VerilatedContext context;
    std::unique_ptr<Vboard> top;
#ifdef BOARD_TRACE
    VerilatedVcdC trace;
#endif
    std::deque<Arrival> received;  // waiting to enter the design
    size_t position = 0;           // of the next byte in the first of them
    uint64_t idle_cycles = 0;      // since the last byte in
    uint64_t last_in_cycle = 0;
    Carrier sending;               // leaving the design
    std::deque<Carrier> sent;
    uint64_t dropped[kDropReasons] = {};
    uint64_t cycles = 0;
    uint64_t quiet_cycles = 0;     // since the last byte in either direction or busy cycle

    void dump(int phase) {
#ifdef BOARD_TRACE
        trace.dump(2 * cycles + phase);
#else
        (void)phase;
#endif
    }

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
        last_in_cycle = cycles;
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

    // One clock cycle; true when it completed a frame.
    bool cycle() {
        const bool given = present();
        top->clk = 0;
        top->eval();
        dump(0);
        const bool taken = top->tx_valid;
        const bool complete = collect();
        const bool busy = top->busy;
        for (int reason = 0; reason < kDropReasons; ++reason) dropped[reason] += top->dropped >> reason & 1;
        top->clk = 1;
        top->eval();
        dump(1);
        ++cycles;
        quiet_cycles = given || taken || busy ? 0 : quiet_cycles + 1;
        return complete;
    }
};

}  // namespace

extern "C" {

Board* board_create(const char* trace_path) {
    auto board = std::make_unique<Board>();
    board->top = std::make_unique<Vboard>(&board->context, "board");
#ifdef BOARD_TRACE
    board->context.traceEverOn(true);
    board->top->trace(&board->trace, 99);
    board->trace.open(trace_path);
    if (!board->trace.isOpen()) return nullptr;
#else
    (void)trace_path;
#endif
    return board.release();
}

void board_destroy(Board* board) {
#ifdef BOARD_TRACE
    board->trace.close();
#endif
    board->top->final();
    delete board;
}

void board_push(Board* board, const uint8_t* bytes, size_t length, uint32_t gap_cycles, int64_t error_byte) {
    if (length) board->received.push_back({{bytes, bytes + length}, gap_cycles, error_byte});
}

// Runs until a frame is complete, until nothing happened for `quiet_cycles`, or for `max_cycles`; returns the cycles run.
uint64_t board_run(Board* board, uint64_t max_cycles, uint64_t quiet_cycles) {
    board->quiet_cycles = board->received.empty() ? board->quiet_cycles : 0;
    for (uint64_t done = 0; done < max_cycles; ++done) {
        if (board->quiet_cycles >= quiet_cycles) return done;
        if (board->cycle()) return done + 1;
    }
    return max_cycles;
}

// Takes the oldest carrier the design sent; 0 when there is none.
size_t board_pop(Board* board, uint8_t* bytes, size_t capacity, uint64_t* first_cycle, uint64_t* last_cycle) {
    if (board->sent.empty()) return 0;
    const Carrier& carrier = board->sent.front();
    const size_t length = std::min(carrier.bytes.size(), capacity);
    std::memcpy(bytes, carrier.bytes.data(), length);
    *first_cycle = carrier.first_cycle;
    *last_cycle = carrier.last_cycle;
    board->sent.pop_front();
    return length;
}

int board_quiet(const Board* board, uint64_t quiet_cycles) {
    return board->received.empty() && board->quiet_cycles >= quiet_cycles;
}

size_t board_queued(const Board* board) { return board->received.size(); }

uint64_t board_cycles(const Board* board) { return board->cycles; }

uint64_t board_last_in_cycle(const Board* board) { return board->last_in_cycle; }

uint64_t board_dropped(const Board* board, int reason) { return board->dropped[reason]; }
}
