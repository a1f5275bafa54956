"""A generative adversarial network: two networks, two losses, two steps of one's own.

The generator turns noise into points; the discriminator tells them from the points of a ring.
Each is trained against the other, by a step that updates one of them alone.

(I. Goodfellow et al., 2014, "Generative adversarial nets".)
"""

import numpy as np

import pullback as pb

LATENT, ROWS, STEPS = 2, 128, 1500

generator = pb.nn.dense(LATENT, [64, 64], 2, activation="leaky_relu")
discriminator = pb.nn.dense(2, [64, 64], 1, activation="leaky_relu")
training = pb.Training(generator=generator, discriminator=discriminator, seed=0)
bce = pb.losses.binary_cross_entropy_with_logits


@training.step(update="discriminator", optimizer=pb.optim.Adam(2e-3, beta1=0.5))
def tell_apart(real, noise):
    made = discriminator(generator(noise))
    return bce(discriminator(real), 1.0) + bce(made, 0.0)


@training.step(update="generator", optimizer=pb.optim.Adam(5e-4, beta1=0.5))
def deceive(noise):
    return bce(discriminator(generator(noise)), 1.0)


random = np.random.default_rng(0)


def ring(rows):
    """Points at a distance of about 1 from the origin."""
    angle = random.uniform(0, 2 * np.pi, rows)
    radius = 1 + 0.05 * random.normal(size=rows)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def noise(rows):
    return random.normal(size=(rows, LATENT))


for step in range(1, STEPS + 1):
    told = tell_apart(ring(ROWS), noise(ROWS))
    deceived = deceive(noise(ROWS))
    if step % 500 == 0:
        print(f"step {step}: discriminator {told:.3f}, generator {deceived:.3f}")

points = generator(noise(1000).astype("float32")).numpy()
radius = np.linalg.norm(points, axis=1)
quarters = np.histogram(np.arctan2(points[:, 1], points[:, 0]), bins=4, range=(-np.pi, np.pi))[0]
print(f"distance from the origin: {radius.mean():.2f} on average, {radius.std():.2f} around it")
print(f"points in each quarter of the ring: {quarters.tolist()}")
assert abs(radius.mean() - 1) < 0.15, "the points made lie on the ring"
assert radius.std() < 0.3
assert quarters.min() > 50, "and all around it"
