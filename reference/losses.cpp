// The balance loss: load times probability.
#include "reference/losses.h"

#include <cmath>

#include "reference/error.h"
#include "reference/router.h"

namespace moe::reference {

Counts counts(const IntMatrix& selected, Index E, Counted counted) {
  if (E < 1 || selected.cols() < 1)
    throw Error("losses: expected at least 1 expert and 1 slot, found E=" +
                std::to_string(E) + ", K=" + std::to_string(selected.cols()));
  Counts n(static_cast<std::size_t>(E), 0);
  for (Index t = 0; t < selected.rows(); t++) {
    for (Index k = 0; k < selected.cols(); k++) {
      const Index e = selected(t, k);
      if (e < -1 || e >= E)
        throw Error("losses: selected[" + std::to_string(t) + "," +
                    std::to_string(k) + "]: expected -1 .. " +
                    std::to_string(E - 1) + ", found " + std::to_string(e));
      if (e < 0 || (k > 0 && counted == Counted::first_choice)) continue;
      n[static_cast<std::size_t>(e)]++;
    }
  }
  return n;
}

Counts total(std::span<const Counts> parts) {
  Counts sum = parts.empty() ? Counts() : Counts(parts[0].size(), 0);
  for (const Counts& part : parts) {
    if (part.size() != sum.size())
      throw Error("losses: counts to add: expected " +
                  std::to_string(sum.size()) + " experts, found " +
                  std::to_string(part.size()));
    for (std::size_t e = 0; e < sum.size(); e++) sum[e] += part[e];
  }
  return sum;
}

Vector column_sums(const ConstMatrix& m) {
  Vector sums(m.cols());
  for (Index e = 0; e < m.cols(); e++) {
    float sum = 0;
    for (Index t = 0; t < m.rows(); t++) sum = sum + m(t, e);
    sums[e] = sum;
  }
  return sums;
}

Vector mean_scores(const ConstMatrix& p, Index tokens) {
  if (tokens < p.rows())
    throw Error("losses: mean of scores: expected at least " +
                std::to_string(p.rows()) + " tokens, found " +
                std::to_string(tokens));
  Vector P = column_sums(p);
  if (tokens == 0) return P;
  for (Index e = 0; e < P.size(); e++) P[e] = P[e] / static_cast<float>(tokens);
  return P;
}

Matrix normalised_scores(const ConstMatrix& s) {
  Matrix p(s.rows(), s.cols());
  for (Index t = 0; t < s.rows(); t++) {
    float sum = 0;
    for (Index e = 0; e < s.cols(); e++) sum = sum + s(t, e);
    for (Index e = 0; e < s.cols(); e++) p(t, e) = s(t, e) / sum;
  }
  return p;
}

Vector load_fractions(const Balance& balance, const Counts& n, Index tokens,
                      Index K) {
  if (tokens < 0 || K < 1)
    throw Error("losses: load: expected tokens >= 0 and K >= 1, found " +
                std::to_string(tokens) + " and " + std::to_string(K));
  const bool divided =
      balance.divided_by_choices && balance.counted == Counted::all_choices;
  const Index shares = divided ? K * tokens : tokens;
  const Index E = static_cast<Index>(n.size());
  Vector f = Vector::Zero(E);
  if (shares == 0) return f;
  for (Index e = 0; e < E; e++)
    f[e] = static_cast<float>(E * n[static_cast<std::size_t>(e)]) /
           static_cast<float>(shares);
  return f;
}

float balance_sum(const Vector& f, const Vector& P) {
  if (f.size() != P.size())
    throw Error("losses: load has " + std::to_string(f.size()) +
                " experts, mean scores " + std::to_string(P.size()));
  float sum = 0;
  for (Index e = 0; e < f.size(); e++) sum = std::fma(f[e], P[e], sum);
  return sum;
}

float balance_loss(const Balance& balance, const ConstMatrix& scores,
                   const IntMatrix& selected, float alpha, Index sequence) {
  const Index T = scores.rows();
  if (selected.rows() != T)
    throw Error("losses: scores have " + std::to_string(T) +
                " tokens, selected " + std::to_string(selected.rows()));
  if (sequence < 0 || (sequence == 0 && balance.per_sequence) ||
      (sequence > 0 && T % sequence != 0))
    throw Error("losses: " + std::string(balance.name) + ": expected " +
                std::to_string(T) + " tokens in whole sequences, found " +
                std::to_string(sequence) + " tokens a sequence");
  counts(selected, scores.cols());  // refuses nonsense even without tokens
  if (T == 0) return 0;
  const Matrix p =
      balance.normalised_scores ? normalised_scores(scores) : Matrix(scores);
  const Index length = sequence == 0 ? T : sequence;
  const Index sequences = T / length;
  float sum = 0;
  for (Index t = 0; t < T; t += length) {
    const IntMatrix chosen = selected.middleRows(t, length);
    const Counts n = counts(chosen, p.cols(), balance.counted);
    const Vector f = load_fractions(balance, n, length, chosen.cols());
    const Vector P = mean_scores(p.middleRows(t, length), length);
    sum = sum + balance_sum(f, P);
  }
  return alpha * (sum / static_cast<float>(sequences));
}

IntMatrix best_experts(const ConstMatrix& scores, Index K) {
  if (K < 1 || K > scores.cols())
    throw Error("losses: best experts: expected 1 .. " +
                std::to_string(scores.cols()) + ", found K=" +
                std::to_string(K));
  IntMatrix selected(scores.rows(), K);
  for (Index t = 0; t < scores.rows(); t++) {
    std::vector<float> s(static_cast<std::size_t>(scores.cols()));
    for (Index e = 0; e < scores.cols(); e++)
      s[static_cast<std::size_t>(e)] = scores(t, e);
    const std::vector<Index> S = top_k(s, K);
    for (Index k = 0; k < K; k++)
      selected(t, k) =
          static_cast<std::int32_t>(S[static_cast<std::size_t>(k)]);
  }
  return selected;
}

}  // namespace moe::reference
