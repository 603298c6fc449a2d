// The native part of a step: weights mixed of banks, gradients pulled back to coefficients, and updates
// of banks by terms of their gradients, which are never written.
//
// Legend: a bank has K entries of O rows and L columns (I input channels times R numbers each); a weight
// has o rows and l columns of those. A vector is one row. Its weight is
//     w = gain_out * gain_in * sum_k gates_k B_k [rows, columns] + offset.
// All arrays are contiguous, numbers single; banks and weights may be half ones (bfloat16), which are widened as
// they are read, and rounded to the nearest as they are written. Work is cut into blocks whose sizes do not depend on the
// number of threads, and their sums are added up in order, so results do not depend on it either.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <thread>
#include <vector>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace {

using Int = std::int64_t;

constexpr Int TILE = 1024;       // columns that stay in the first cache with all that is made of them
constexpr Int BLOCK = 1 << 17;   // numbers of a bank in a piece of work
constexpr Int ALONE = 1 << 19;   // numbers of all work below which one thread is faster
constexpr Int USUAL = 4;         // entries of a bank: a base and three experts
constexpr Int LINE = 16;         // numbers that memory gives at once
constexpr Int AHEAD = 512;       // numbers of an entry that are asked for before their turn

// Compilers sum from where an array is aligned on, so what is summed has to be aligned alike in every run.
template <class T>
struct Aligned {
    using value_type = T;
    Aligned() = default;
    template <class Other>
    Aligned(const Aligned<Other>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(64)); }
    bool operator==(const Aligned&) const { return true; }
    bool operator!=(const Aligned&) const { return false; }
};
using Floats = std::vector<float, Aligned<float>>;

using Half = std::uint16_t;  // the upper half of a single number

inline float widened(Half half) {
    const std::uint32_t bits = (std::uint32_t)half << 16;
    float number;
    std::memcpy(&number, &bits, sizeof bits);
    return number;
}

inline Half rounded(float number) {  // to the nearest, of two that are as near to the even one
    std::uint32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    const Half nearest = (Half)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    return number == number ? nearest : (Half)0x7fc0;
}

void widen(const Half* __restrict from, Int n, float* __restrict to) {
    for (Int j = 0; j < n; j++) to[j] = widened(from[j]);
}

void narrow(const float* __restrict from, Int n, Half* __restrict to) {
    for (Int j = 0; j < n; j++) to[j] = rounded(from[j]);
}

struct Part {  // one weight and its place in a bank; absent arrays are null
    const float* bank;      // (K, O, L)
    float* weight;          // (o, l), or its gradient
    const float* gates;     // (K,), or (O, K)
    const float* gain_out;  // (O,)
    const float* gain_in;   // (I,)
    const float* offset;    // (L,), of a vector
    float* to_gates;        // gradients are added to these, of the same shapes
    float* to_gain_out;
    float* to_gain_in;
    float* to_offset;
    const Int* rows;        // (o,) ascending; absent: from first_row on
    const Int* columns;     // (l,) ascending; absent: from first_column on
    Int entries, height, width, rest, num_rows, num_columns, first_row, first_column;
    Int own_gates;          // 1 where each row has gates of its own
    Int half;               // 1 where bank and weight are half numbers

    Int row(Int r) const { return rows ? rows[r] : first_row + r; }
    Int column(Int j) const { return columns ? columns[j] : first_column + j; }
    const float* gates_of(Int row) const { return gates + (own_gates ? row * entries : 0); }
    float out(Int row) const { return gain_out ? gain_out[row] : 1.0f; }
    Half* halves() const { return (Half*)weight; }
    // Numbers of the weight from one on; half ones are widened into a buffer.
    const float* weights(Int at, Int n, float* buffer) const {
        if (!half) return weight + at;
        widen(halves() + at, n, buffer);
        return buffer;
    }
};

struct Bank {  // a bank in the hands of an optimizer, and the terms that add up to its gradient
    float* values;  // (K, O, L)
    float* first;   // moments, or the momentum; absent where the rule has none
    float* second;
    const Part* terms;
    Int num_terms, entries, height, width;
    Int rule;     // 0 is AdamW, 1 is SGD
    Int fresh;    // 1 at the first step of a momentum
    Int nesterov;
    Int half;     // 1 where values are half numbers; moments never are
    double scale;  // of the gradient, from clipping
    double rate;   // AdamW: the learning rate over its bias correction
    double decay;  // AdamW: the factor that is left of a weight; SGD: weight decay
    double beta1, beta2;  // SGD: momentum, and 1 - dampening
    double epsilon, root;  // AdamW: the factor of the root of the second moment, its bias correction
};

// A line of numbers, wherever it begins; sums of products are kept as lines, several of which fit in registers.
typedef float Line __attribute__((vector_size(LINE * sizeof(float)), aligned(alignof(float)), may_alias));

inline Line& line(float* p) { return *reinterpret_cast<Line*>(p); }
inline const Line& line(const float* p) { return *reinterpret_cast<const Line*>(p); }

inline float total(const Line& numbers) {
    float sum = 0;
    for (Int i = 0; i < LINE; i++) sum += numbers[i];
    return sum;
}

// What comes from memory row by row is waited for less if it was asked for some rows before.
inline void ask(const float* p) { __builtin_prefetch(p + AHEAD); }

struct FlushedDenormals {  // moments of what has no gradient decay towards them, and they are slow
#if defined(__SSE__)
    unsigned before = _mm_getcsr();
    FlushedDenormals() { _mm_setcsr(before | 0x8040); }
    ~FlushedDenormals() { _mm_setcsr(before); }
#endif
};

template <class Work>
void run(Int num, Int threads, const Work& work) {
    std::atomic<Int> next{0};
    auto loop = [&] {
        FlushedDenormals flushed;
        for (Int i = next++; i < num; i = next++) work(i);
    };
    std::vector<std::thread> others;
    for (Int i = 1; i < std::min(threads, num); i++) {
        try {
            others.emplace_back(loop);
        } catch (...) {
            break;  // as many as the system gives
        }
    }
    loop();
    for (auto& other : others) other.join();
}

struct Piece { Int owner, from, to; };  // rows of one weight or bank

template <class Rows, class Size>
std::vector<Piece> pieces(Int num, const Rows& rows, const Size& size, Int& total) {
    std::vector<Piece> found;
    for (Int i = 0; i < num; i++) {
        const Int each = std::max<Int>(1, size(i)), step = std::max<Int>(1, BLOCK / each);
        total += each * rows(i);
        for (Int r = 0; r < rows(i); r += step) found.push_back({i, r, std::min(rows(i), r + step)});
    }
    return found;
}

// Gains of the columns of a weight; empty where it has none.
Floats column_gains(const Part& p) {
    Floats gains;
    if (!p.gain_in) return gains;
    gains.resize(p.num_columns);
    for (Int j = 0; j < p.num_columns; j++) gains[j] = p.gain_in[p.column(j) / p.rest];
    return gains;
}

// The numbers of one entry and row from column `at` of the weight on; gathered where they are no run, or half ones.
inline const float* numbers(const Part& p, Int k, Int row, Int at, Int n, float* gathered) {
    const Int start = (k * p.height + row) * p.width;
    if (p.half) {
        const Half* all = (const Half*)p.bank + start;
        if (!p.columns) widen(all + p.first_column + at, n, gathered);
        else
            for (Int j = 0; j < n; j++) gathered[j] = widened(all[p.columns[at + j]]);
        return gathered;
    }
    const float* all = p.bank + start;
    if (!p.columns) return all + p.first_column + at;
    for (Int j = 0; j < n; j++) gathered[j] = all[p.columns[at + j]];
    return gathered;
}

// sum_k gates_k B_k of some columns of a row; `dots` gets B_k's products with h, if they are wanted.
void combine(const Part& p, Int row, Int at, Int n, float* __restrict sum, const float* __restrict h,
             double* dots) {
    alignas(64) float gathered[4][TILE];
    const float* gates = p.gates ? p.gates_of(row) : nullptr;
    Int k = 0;
    std::fill(sum, sum + n, 0.0f);
    for (; k + 4 <= p.entries; k += 4) {
        const float *__restrict a = numbers(p, k, row, at, n, gathered[0]),
                    *__restrict b = numbers(p, k + 1, row, at, n, gathered[1]),
                    *__restrict c = numbers(p, k + 2, row, at, n, gathered[2]),
                    *__restrict d = numbers(p, k + 3, row, at, n, gathered[3]);
        const float ga = gates[k], gb = gates[k + 1], gc = gates[k + 2], gd = gates[k + 3];
        if (!dots) {
            Int j = 0;
            for (; j + LINE <= n; j += LINE) {
                ask(a + j), ask(b + j), ask(c + j), ask(d + j);
                line(sum + j) += ga * line(a + j) + gb * line(b + j) + gc * line(c + j) + gd * line(d + j);
            }
            for (; j < n; j++) sum[j] += ga * a[j] + gb * b[j] + gc * c[j] + gd * d[j];
            continue;
        }
        Line xs{}, ys{}, zs{}, ws{};
        Int j = 0;
        for (; j + LINE <= n; j += LINE) {
            ask(a + j), ask(b + j), ask(c + j), ask(d + j);
            const Line A = line(a + j), B = line(b + j), C = line(c + j), D = line(d + j), H = line(h + j);
            line(sum + j) += ga * A + gb * B + gc * C + gd * D;
            xs += H * A, ys += H * B, zs += H * C, ws += H * D;
        }
        float x = total(xs), y = total(ys), z = total(zs), w = total(ws);
        for (; j < n; j++) {
            sum[j] += ga * a[j] + gb * b[j] + gc * c[j] + gd * d[j];
            x += h[j] * a[j];
            y += h[j] * b[j];
            z += h[j] * c[j];
            w += h[j] * d[j];
        }
        dots[k] += x, dots[k + 1] += y, dots[k + 2] += z, dots[k + 3] += w;
    }
    for (; k < p.entries; k++) {
        const float* __restrict a = numbers(p, k, row, at, n, gathered[0]);
        const float gate = gates ? gates[k] : 1.0f;
        for (Int j = 0; j < n; j++) sum[j] += gate * a[j];
        if (!dots) continue;
        float x = 0;
#pragma omp simd reduction(+ : x)
        for (Int j = 0; j < n; j++) x += h[j] * a[j];
        dots[k] += x;
    }
}

void mix_rows(const Part& p, Int from, Int to) {
    alignas(64) float single[TILE];
    const Floats gains = column_gains(p);
    for (Int r = from; r < to; r++) {
        const Int row = p.row(r);
        const float out = p.out(row);
        for (Int at = 0; at < p.num_columns; at += TILE) {
            const Int n = std::min(TILE, p.num_columns - at);
            float* __restrict w = p.half ? single : p.weight + r * p.num_columns + at;
            combine(p, row, at, n, w, nullptr, nullptr);
            if (!gains.empty()) {
                const float* __restrict in = gains.data() + at;
                for (Int j = 0; j < n; j++) w[j] *= out * in[j];
            } else if (p.gain_out) {
                for (Int j = 0; j < n; j++) w[j] *= out;
            }
            if (p.offset)
                for (Int j = 0; j < n; j++) w[j] += p.offset[p.column(at + j)];
            if (p.half) narrow(w, n, p.halves() + r * p.num_columns + at);
        }
    }
}

struct Sums { std::vector<double> gates; Floats out, in; double squares = 0; };  // of one piece

inline double squares_of(const float* g, Int n) {
    Line sums{};
    Int j = 0;
    for (; j + LINE <= n; j += LINE) sums += line(g + j) * line(g + j);
    float sum = total(sums);
    for (; j < n; j++) sum += g[j] * g[j];
    return sum;
}

// The sum of squares of the gates of a row, by which that of the gradient of its weights is multiplied.
inline double squares_of_gates(const Part& p, Int row) {
    if (!p.gates) return p.entries;
    const float* gates = p.gates_of(row);
    double sum = 0;
    for (Int k = 0; k < p.entries; k++) sum += (double)gates[k] * gates[k];
    return sum;
}

// All sums of one row of a weight whose columns are a run, in one pass: meanwhile memory brings the next row.
template <Int K>
void pull_back_row(const Part& p, const float* g, Int row, const float* in, double* dots, float& along,
                   float* to_in, double& squares) {
    const float out = p.out(row), *gates = p.gates_of(row);
    const float* entries = p.bank + row * p.width + p.first_column;
    const Int apart = p.height * p.width;
    Line found[K] = {}, square{}, product{};
    const auto add = [&](Int j, Int n) {
        const auto load = [n](const float* from) {
            if (n == LINE) return line(from);
            Line some{};
            for (Int i = 0; i < n; i++) some[i] = from[i];
            return some;
        };
        const Line G = load(g + j), gain = in ? load(in + j) : Line{} + 1.0f, h = G * (out * gain);
        Line combined{};
        for (Int k = 0; k < K; k++) {
            const float* entry = entries + k * apart + j;
            ask(entry);
            const Line numbers = load(entry);
            combined += gates[k] * numbers;
            found[k] += h * numbers;
        }
        square += h * h;
        combined *= G;
        product += combined * gain;
        if (!to_in) return;
        combined *= out;
        if (n == LINE) line(to_in + j) += combined;
        else
            for (Int i = 0; i < n; i++) to_in[j + i] += combined[i];
    };
    Int j = 0;
    for (; j + LINE <= p.num_columns; j += LINE) add(j, LINE);
    if (j < p.num_columns) add(j, p.num_columns - j);
    for (Int k = 0; k < K && dots; k++) dots[k] += total(found[k]);
    along += total(product);
    squares += total(square);
}

Sums pull_back_rows(const Part& p, Int from, Int to) {
    alignas(64) float h[TILE], combined[TILE], single[TILE];
    const Floats gains = column_gains(p);
    const bool gained = p.to_gain_out || p.to_gain_in;
    Sums sums;
    if (p.to_gates) sums.gates.assign(p.entries * (p.own_gates ? to - from : 1), 0.0);
    if (p.to_gain_out) sums.out.assign(to - from, 0.0f);
    if (p.to_gain_in) sums.in.assign(p.num_columns, 0.0f);
    for (Int r = from; r < to; r++) {
        const Int row = p.row(r);
        const float out = p.out(row);
        const double of_gates = squares_of_gates(p, row);
        double* dots = p.to_gates ? sums.gates.data() + (p.own_gates ? (r - from) * p.entries : 0) : nullptr;
        if (p.entries == USUAL && p.gates && !p.columns && !p.half) {
            float along = 0;
            double square = 0;
            pull_back_row<USUAL>(p, p.weight + r * p.num_columns, row, gains.empty() ? nullptr : gains.data(), dots,
                                 along, p.to_gain_in ? sums.in.data() : nullptr, square);
            if (p.to_gain_out) sums.out[r - from] += along;
            sums.squares += of_gates * square;
            continue;
        }
        for (Int at = 0; at < p.num_columns; at += TILE) {
            const Int n = std::min(TILE, p.num_columns - at);
            const float* __restrict g = p.weights(r * p.num_columns + at, n, single);
            const float* __restrict in = gains.empty() ? nullptr : gains.data() + at;
            if (in)
                for (Int j = 0; j < n; j++) h[j] = g[j] * (out * in[j]);
            else
                for (Int j = 0; j < n; j++) h[j] = g[j] * out;
            sums.squares += of_gates * squares_of(h, n);
            if (gained || dots) combine(p, row, at, n, combined, h, dots);
            if (!gained) continue;
            float along = 0;
            if (in) {
#pragma omp simd reduction(+ : along)
                for (Int j = 0; j < n; j++) along += g[j] * combined[j] * in[j];
            } else {
#pragma omp simd reduction(+ : along)
                for (Int j = 0; j < n; j++) along += g[j] * combined[j];
            }
            if (p.to_gain_out) sums.out[r - from] += along;
            if (p.to_gain_in) {
                float* __restrict into = sums.in.data() + at;
                for (Int j = 0; j < n; j++) into[j] += g[j] * combined[j] * out;
            }
        }
    }
    return sums;
}

void add_sums(const Part& p, const Piece& piece, const Sums& sums) {
    for (Int r = piece.from; r < piece.to; r++) {
        const Int row = p.row(r);
        if (p.to_gain_out) p.to_gain_out[row] += sums.out[r - piece.from];
        if (p.to_gates && p.own_gates)
            for (Int k = 0; k < p.entries; k++)
                p.to_gates[row * p.entries + k] += (float)sums.gates[(r - piece.from) * p.entries + k];
    }
    if (p.to_gates && !p.own_gates)
        for (Int k = 0; k < p.entries; k++) p.to_gates[k] += (float)sums.gates[k];
    if (p.to_gain_in)
        for (Int j = 0; j < p.num_columns; j++) p.to_gain_in[p.column(j) / p.rest] += sums.in[j];
    if (p.to_offset && piece.from == 0)
        for (Int j = 0; j < p.num_columns; j++) p.to_offset[p.column(j)] += p.half ? widened(p.halves()[j]) : p.weight[j];
}

// One row of the gradient of each entry of a bank, made of its terms.
class GradientRows {
  public:
    explicit GradientRows(const Bank& bank)
        : bank_(bank), sum_(bank.width), present_(bank.num_terms), zeros_(bank.width, 0.0f),
          single_(bank.half ? bank.width : 0) {
        for (Int t = 0; t < bank.num_terms; t++) {
            const Part& p = bank.terms[t];
            scaled_.emplace_back(bank.width, 0.0f);
            gains_.push_back(column_gains(p));
            if (!p.rows) continue;
            if (places_.empty()) places_.resize(bank.num_terms);
            places_[t].assign(bank.height, -1);
            for (Int r = 0; r < p.num_rows; r++) places_[t][p.rows[r]] = r;
        }
    }

    // The gradient of weights times gains, at its place in the row, for all terms.
    void move_to(Int row) {
        row_ = row;
        any_ = false;
        for (Int t = 0; t < bank_.num_terms; t++) {
            const Part& p = bank_.terms[t];
            const Int r = p.rows ? places_[t][row] : row - p.first_row;
            present_[t] = r >= 0 && r < p.num_rows;
            if (!present_[t]) continue;
            any_ = true;
            const float out = p.out(row) * (float)bank_.scale;
            const float* __restrict g = p.weights(r * p.num_columns, p.num_columns, single_.data());
            const float* in = gains_[t].empty() ? nullptr : gains_[t].data();
            float* __restrict h = scaled_[t].data();
            if (p.columns) {
                for (Int j = 0; j < p.num_columns; j++) h[p.columns[j]] = g[j] * (in ? out * in[j] : out);
                continue;
            }
            h += p.first_column;
            if (in)
                for (Int j = 0; j < p.num_columns; j++) h[j] = g[j] * (out * in[j]);
            else
                for (Int j = 0; j < p.num_columns; j++) h[j] = g[j] * out;
        }
    }

    // The sum of squares of the gradient of all entries.
    double squares() {
        double sum = 0;
        if (bank_.num_terms == 1) {  // that of the gates times that of the row
            return any_ ? squares_of_gates(bank_.terms[0], row_) * squares_of(scaled_[0].data(), bank_.width) : 0;
        }
        for (Int k = 0; k < bank_.entries && any_; k++) sum += squares_of(of(k), bank_.width);
        return sum;
    }

    const float* of(Int k) {  // (L,)
        bool begun = false;
        for (Int t = 0; t < bank_.num_terms; t++) {
            if (!present_[t]) continue;
            const Part& p = bank_.terms[t];
            const float gate = p.gates ? p.gates_of(row_)[k] : 1.0f;
            const float* __restrict h = scaled_[t].data();
            float* __restrict sum = sum_.data();
            if (!begun)
                for (Int j = 0; j < bank_.width; j++) sum[j] = gate * h[j];
            else
                for (Int j = 0; j < bank_.width; j++) sum[j] += gate * h[j];
            begun = true;
        }
        return begun ? sum_.data() : zeros_.data();
    }

  private:
    const Bank& bank_;
    std::vector<Floats> scaled_, gains_;
    std::vector<std::vector<Int>> places_;
    Floats sum_;
    std::vector<char> present_;
    Floats zeros_, single_;
    Int row_ = 0;
    bool any_ = false;
};

void adamw(const Bank& bank, Int at, float* __restrict p, const float* __restrict g) {
    float *__restrict m = bank.first + at, *__restrict v = bank.second + at;
    const float fast = (float)(1 - bank.beta1), slow = (float)bank.beta2, rest = (float)(1 - bank.beta2);
    const float rate = (float)bank.rate, root = (float)bank.root;
    const float kept = (float)bank.decay, epsilon = (float)bank.epsilon;
    const auto move = [=](Int from, Int to) {
#pragma omp simd
        for (Int j = from; j < to; j++) {
            const float mean = m[j] + fast * (g[j] - m[j]);
            const float square = v[j] * slow + rest * g[j] * g[j];
            m[j] = mean;
            v[j] = square;
            p[j] = p[j] * kept - rate * mean / (std::sqrt(square) * root + epsilon);
        }
    };
    Int j = 0;
    for (; j + LINE <= bank.width; j += LINE) {
        ask(p + j), ask(m + j), ask(v + j);
        move(j, j + LINE);
    }
    move(j, bank.width);
}

void sgd(const Bank& bank, Int at, float* __restrict p, const float* __restrict g) {
    float* __restrict b = bank.first + at;
    const float rate = (float)bank.rate, decay = (float)bank.decay;
    if (!bank.first) {
        for (Int j = 0; j < bank.width; j++) p[j] -= rate * (g[j] + decay * p[j]);
        return;
    }
    const float kept = bank.fresh ? 0.0f : (float)bank.beta1, taken = bank.fresh ? 1.0f : (float)bank.beta2;
    const float ahead = (float)bank.beta1;
    for (Int j = 0; j < bank.width; j++) {
        const float slope = g[j] + decay * p[j];
        const float moved = (bank.fresh ? 0.0f : kept * b[j]) + taken * slope;
        b[j] = moved;
        p[j] -= rate * (bank.nesterov ? slope + ahead * moved : moved);
    }
}

void move_row(const Bank& bank, Int at, const float* g, Floats& single) {
    const auto move = bank.rule == 0 ? adamw : sgd;
    if (!bank.half) return move(bank, at, bank.values + at, g);
    Half* values = (Half*)bank.values + at;
    single.resize(bank.width);
    widen(values, bank.width, single.data());
    move(bank, at, single.data(), g);
    narrow(single.data(), bank.width, values);
}

}  // namespace

extern "C" {

void hypernas_mix(const Part* parts, Int num, Int threads) {
    Int total = 0;
    const auto work = pieces(
        num, [&](Int i) { return parts[i].num_rows; },
        [&](Int i) { return parts[i].entries * parts[i].num_columns; }, total);
    run((Int)work.size(), total < ALONE ? 1 : threads,
        [&](Int i) { mix_rows(parts[work[i].owner], work[i].from, work[i].to); });
}

// Also writes the sum of squares of what each part adds to the gradient of its bank.
void hypernas_pull_back(const Part* parts, Int num, Int threads, double* squares) {
    Int total = 0;
    const auto work = pieces(
        num, [&](Int i) { return parts[i].num_rows; },
        [&](Int i) { return parts[i].entries * parts[i].num_columns; }, total);
    std::vector<Sums> sums(work.size());
    run((Int)work.size(), total < ALONE ? 1 : threads,
        [&](Int i) { sums[i] = pull_back_rows(parts[work[i].owner], work[i].from, work[i].to); });
    std::fill(squares, squares + num, 0.0);
    for (size_t i = 0; i < work.size(); i++) {
        add_sums(parts[work[i].owner], work[i], sums[i]);
        squares[work[i].owner] += sums[i].squares;
    }
}

// The sum of squares of the gradients of banks.
double hypernas_squares(const Bank* banks, Int num, Int threads) {
    Int total = 0;
    const auto work = pieces(
        num, [&](Int i) { return banks[i].height; }, [&](Int i) { return banks[i].entries * banks[i].width; },
        total);
    std::vector<double> found(work.size(), 0.0);
    run((Int)work.size(), total < ALONE ? 1 : threads, [&](Int i) {
        const Bank& bank = banks[work[i].owner];
        GradientRows rows(bank);
        for (Int row = work[i].from; row < work[i].to; row++) {
            rows.move_to(row);
            found[i] += rows.squares();
        }
    });
    double sum = 0;
    for (double x : found) sum += x;
    return sum;
}

void hypernas_update(const Bank* banks, Int num, Int threads) {
    Int total = 0;
    const auto work = pieces(
        num, [&](Int i) { return banks[i].height; }, [&](Int i) { return banks[i].entries * banks[i].width; },
        total);
    run((Int)work.size(), total < ALONE ? 1 : threads, [&](Int i) {
        const Bank& bank = banks[work[i].owner];
        GradientRows rows(bank);
        Floats single;
        for (Int row = work[i].from; row < work[i].to; row++) {
            rows.move_to(row);
            for (Int k = 0; k < bank.entries; k++) {
                const Int at = (k * bank.height + row) * bank.width;
                move_row(bank, at, rows.of(k), single);
            }
        }
    });
}

}  // extern "C"
