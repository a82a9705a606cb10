#include "reference/cholesky.h"

#include <cmath>

namespace moe::reference {

bool cholesky(Matrix64& a) {
  const Index n = a.rows();
  for (Index j = 0; j < n; j++) {
    for (Index i = j; i < n; i++) {
      double sum = a(i, j);
      for (Index k = 0; k < j; k++) sum = std::fma(-a(i, k), a(j, k), sum);
      if (i == j && !(sum > 0)) return false;
      a(i, j) = i == j ? std::sqrt(sum) : sum / a(j, j);
    }
  }
  return true;
}

void cholesky_solve(const Matrix64& l, Vector64& b) {
  const Index n = l.rows();
  for (Index i = 0; i < n; i++) {
    double sum = b[i];
    for (Index k = 0; k < i; k++) sum = std::fma(-l(i, k), b[k], sum);
    b[i] = sum / l(i, i);
  }
  for (Index i = n - 1; i >= 0; i--) {
    double sum = b[i];
    for (Index k = i + 1; k < n; k++) sum = std::fma(-l(k, i), b[k], sum);
    b[i] = sum / l(i, i);
  }
}

}  // namespace moe::reference
