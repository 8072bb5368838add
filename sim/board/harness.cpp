// Runs the verilated board: packets in, packets out, as many cycles as there is work for.
//
// The C functions at the end are the whole interface; sim/board/harness.py calls them through ctypes. A packet is handed
// over byte by byte on the rx stream and collected byte by byte from the tx stream, which always flows.

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

using Packet = std::vector<uint8_t>;

// Longer than any packet of the link, so that a design that never ends a packet shows as one that is cut.
constexpr size_t kMaxPacketBytes = 2048;
// hdl.link.packet_bytes.byte_layout
constexpr unsigned kFirst = 1u << 8;
constexpr unsigned kLast = 1u << 9;

struct Board {
    VerilatedContext context;
    std::unique_ptr<Vboard> top;
#ifdef BOARD_TRACE
    VerilatedVcdC trace;
#endif
    std::deque<Packet> received;  // waiting to enter the design
    size_t position = 0;          // of the next byte in the first of them
    Packet sending;               // leaving the design
    std::deque<Packet> sent;
    uint64_t cycles = 0;
    uint64_t busy_cycles = 0;
    uint64_t quiet_cycles = 0;  // since the last byte in either direction or busy cycle

    void dump(int phase) {
#ifdef BOARD_TRACE
        trace.dump(2 * cycles + phase);
#else
        (void)phase;
#endif
    }

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

    // One clock cycle; true when it completed a packet on tx.
    bool cycle() {
        present();
        top->clk = 0;
        top->eval();
        dump(0);
        const bool taken = top->rx_valid && top->rx_ready;
        const bool given = top->tx_valid;
        const bool last = given && (top->tx_payload & kLast);
        if (given) {
            if (top->tx_payload & kFirst) sending.clear();
            if (sending.size() < kMaxPacketBytes) sending.push_back(top->tx_payload & 0xFF);
        }
        const bool busy = top->busy;
        top->clk = 1;
        top->eval();
        dump(1);
        ++cycles;
        busy_cycles += busy;
        quiet_cycles = taken || given || busy ? 0 : quiet_cycles + 1;
        if (taken) advance();
        if (last) sent.push_back(std::move(sending));
        if (last) sending = Packet();
        return last;
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

void board_push(Board* board, const uint8_t* bytes, size_t length) {
    if (length) board->received.emplace_back(bytes, bytes + length);
}

// Runs until a packet is complete, until nothing happened for `quiet_cycles`, or for `max_cycles`; returns the cycles run.
uint64_t board_run(Board* board, uint64_t max_cycles, uint64_t quiet_cycles) {
    board->quiet_cycles = board->received.empty() ? board->quiet_cycles : 0;
    for (uint64_t done = 0; done < max_cycles; ++done) {
        if (board->quiet_cycles >= quiet_cycles) return done;
        if (board->cycle()) return done + 1;
    }
    return max_cycles;
}

// Takes the oldest packet the design sent; 0 when there is none.
size_t board_pop(Board* board, uint8_t* bytes, size_t capacity) {
    if (board->sent.empty()) return 0;
    const Packet& packet = board->sent.front();
    const size_t length = packet.size() < capacity ? packet.size() : capacity;
    std::memcpy(bytes, packet.data(), length);
    board->sent.pop_front();
    return length;
}

int board_quiet(const Board* board, uint64_t quiet_cycles) {
    return board->received.empty() && board->quiet_cycles >= quiet_cycles;
}

size_t board_queued(const Board* board) { return board->received.size(); }

uint64_t board_cycles(const Board* board) { return board->cycles; }

uint64_t board_busy_cycles(const Board* board) { return board->busy_cycles; }
}
