"""How fast the bundled classifier scores, against the bare scikit-learn pipeline and a plain list of expressions.

    python bench/classify.py [--posts N]

All on one core, one process, the same short posts, best of three. Other libraries are measured where installed.
"""

import argparse
import os
import re
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import classifier  # noqa: E402  (the thread limits above must be set first)


def best_of_three(run, posts) -> float:
    seconds = []
    for _ in range(3):
        started = time.process_time()
        run(posts)
        seconds.append(time.process_time() - started)
    return len(posts) / min(seconds)


def bare_pipeline(corpus):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3),
        ),
        LogisticRegression(solver="liblinear", C=4),
    )
    return pipeline.fit([row.text for row in corpus], [row.label for row in corpus]).predict_proba


def others():
    terms = [
        r"\billegals\b", r"\billegal (?:alien|immigrant)s?\b", r"\bcriminal aliens?\b", r"\binvasion\b",
        r"\binvaders?\b",
        r"\bdeport them\b",
    ]  # fmt: skip
    pattern = re.compile("|".join(terms), re.IGNORECASE)
    yield "six regular expressions", lambda posts: [bool(pattern.search(post)) for post in posts]
    try:
        from profanity_check import predict_prob

        yield "alt-profanity-check", predict_prob
    except ImportError:
        print("alt-profanity-check is not installed: left out")
    try:
        from hatesonar import Sonar

        sonar = Sonar()
        yield "hatesonar (first 200)", lambda posts: [sonar.ping(text=post) for post in posts[:200]]
    except ImportError:
        print("hatesonar is not installed: left out")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=10_000)
    count = parser.parse_args().posts
    corpus = classifier.load_corpus()
    short = [row.text for row in corpus if len(row.text) <= 160]
    posts = [short[i % len(short)] for i in range(count)]
    calm = [row.text for row in corpus if len(row.text) <= 160 and row.reason == "ordinary"]
    stream = [calm[i % len(calm)] for i in range(count)]
    started = time.perf_counter()
    bundled = classifier.load()
    loading = time.perf_counter() - started
    ours = best_of_three(bundled.score, posts)
    bare = best_of_three(bare_pipeline(corpus), posts)
    print(f"{count} posts of {sum(map(len, posts)) / count:.0f} characters on average, posts per second of one core")
    print(f"loading the bundled version: {loading:.3f} s")
    print(f"{'sheriffwatch, all values':32}{ours:10.0f}")
    print(f"{'bare scikit-learn pipeline':32}{bare:10.0f}   ratio {ours / bare:.2f}")
    # Two of five texts of the corpus are matches, whose telling sentence is looked up; in the wild one in a hundred.
    print(f"{'the same, ordinary posts alone':32}{best_of_three(bundled.score, stream):10.0f}")
    for name, run in others():
        print(f"{name:32}{best_of_three(run, posts):10.0f}")


if __name__ == "__main__":
    main()
