"""The router's tree: k-means over embeddings, again inside each node; lookup is greedy descent by L2 distance."""

import numpy as np
import torch


def _means(points, weights, labels, k):
    sums, mass = np.zeros((k, points.shape[1])), np.zeros(k)
    np.add.at(sums, labels, points * weights[:, None])
    np.add.at(mass, labels, weights)
    return sums / np.maximum(mass, 1e-12)[:, None], mass


def _distances(points, centroids):
    return (points**2).sum(1)[:, None] - 2 * points @ centroids.T + (centroids**2).sum(1)[None]


def k_means(points, weights, k, rng, rounds=50, restarts=8):
    """Best of some restarts with k-means++ seeds. With fewer points than k the last centroids lie far from everything."""
    best = None
    for _ in range(restarts):
        seeds = [int(rng.integers(len(points)))]
        while len(seeds) < min(k, len(points)):
            nearest = np.maximum(_distances(points, points[seeds]).min(1), 0) * weights
            if nearest.sum() <= 1e-9:
                break
            seeds.append(int(rng.choice(len(points), p=nearest / nearest.sum())))
        centroids = points[seeds].astype(np.float64)
        for _ in range(rounds):
            labels = _distances(points, centroids).argmin(1)
            centroids, mass = _means(points, weights, labels, len(seeds))
            for empty in np.nonzero(mass == 0)[0]:
                centroids[empty] = points[_distances(points, centroids).min(1).argmax()]
        distances = _distances(points, centroids)
        cost = float((distances.min(1) * weights).sum())
        if best is None or cost < best[0]:
            best = cost, centroids, distances.argmin(1)
    _, centroids, labels = best
    missing = k - len(centroids)
    if missing > 0:  # nobody goes there: embeddings have length 1
        centroids = np.concatenate((centroids, np.full((missing, points.shape[1]), 4.0)))
    return centroids, labels


def balanced_paths(points, k, depth, seed):
    """A path for every label: [labels, depth] node ids. Nodes hold about as many labels each.

    k-means decides which labels lie together; a node that is full sends the farthest of its labels to the next nearest."""
    rng = np.random.default_rng(seed)
    paths = np.zeros((len(points), depth), dtype=np.int64)
    members = [np.arange(len(points))]
    for level in range(depth):
        next_members = []
        for parent, of_node in enumerate(members):
            if len(of_node) == 0:
                next_members += [of_node] * k
                continue
            labels = _balanced(points[of_node], k, rng)
            paths[of_node, level] = parent * k + labels
            next_members += [of_node[labels == i] for i in range(k)]
        members = next_members
    return paths


def _balanced(points, k, rng):
    centroids, labels = k_means(points, np.ones(len(points)), k, rng)
    most = -(-len(points) * 5 // (4 * k))  # a quarter above the mean
    for _ in range(5):
        distances = _distances(points, centroids)
        order, count = np.argsort(distances.min(1)), np.zeros(k, dtype=int)
        for point in order:
            for node in np.argsort(distances[point]):
                if count[node] < max(1, most):
                    labels[point], count[node] = node, count[node] + 1
                    break
        centroids = np.stack([points[labels == i].mean(0) if (labels == i).any() else centroids[i] for i in range(k)])
    return labels


def descend(vectors, levels, k):
    """Paths [vectors, depth] and distances, by greedy descent."""
    vectors = torch.as_tensor(vectors).float()
    node, path, far = torch.zeros(len(vectors), dtype=torch.long, device=vectors.device), [], []
    for centroids in levels:
        children = torch.as_tensor(centroids, device=vectors.device).float().view(-1, k, vectors.shape[1])[node]
        distance = (children - vectors[:, None]).square().sum(-1)
        best = distance.argmin(1)
        node = node * k + best
        path.append(node)
        far.append(distance.gather(1, best[:, None])[:, 0].sqrt())
    return torch.stack(path, 1), torch.stack(far, 1)
