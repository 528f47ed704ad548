import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hybridmesh.body import BodyModel
from hybridmesh.rasteriser import Raster, rasterise, rasterise_pinhole


def posed(body: BodyModel, seed: int) -> np.ndarray:
    """A body in camera axes."""
    rng = np.random.default_rng(seed)
    pose = torch.from_numpy(rng.normal(size=(1, 24, 3)) * 0.3).float()
    pose[0, 0] = torch.from_numpy((Rotation.from_rotvec([np.pi, 0, 0]) * Rotation.random(rng=rng)).as_rotvec())
    return body(torch.randn(1, 10), pose).vertices[0].detach().double().numpy()


def on_screen(vertices: np.ndarray, size: int) -> np.ndarray:
    middle = (vertices.max(0) + vertices.min(0)) / 2
    scale = 0.95 * size / np.ptp(vertices, axis=0)[:2].max()
    return np.asarray((vertices - middle) * scale + np.array([size / 2, size / 2, 0]))


def assert_equal(first: Raster, second: Raster) -> None:
    np.testing.assert_array_equal(first.face, second.face)
    np.testing.assert_array_equal(first.barycentrics, second.barycentrics)
    np.testing.assert_array_equal(first.depth, second.depth)


def test_a_right_triangle_covers_the_centres_inside_it() -> None:
    # Corners (0, 0), (4, 0), (0, 4): a centre is inside if x + y < 4; on the slanted edge, where x + y = 4, it is not
    # drawn, for that is neither a top nor a left edge.
    vertices = np.array([[0.0, 0, 1], [4, 0, 1], [0, 4, 3]])
    raster = rasterise(vertices, np.array([[0, 1, 2]]), 4, 4)
    expected = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(raster.mask, np.array(expected, bool))
    # The first centre (0.5, 0.5) has the weights (1 - 1/8 - 1/8, 1/8, 1/8), so the depth 1 + 2/8.
    np.testing.assert_allclose(raster.barycentrics[0, 0], [0.75, 0.125, 0.125])
    assert raster.depth[0, 0] == 1.25
    assert np.isinf(raster.depth[3, 3])


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
def test_a_centre_on_a_shared_edge_is_drawn_exactly_once(engine: str) -> None:
    # A square of four triangles around the centre of a pixel; every edge runs through centres of pixels.
    vertices = np.array([[0.5, 0.5, 1.0], [4.5, 0.5, 1], [4.5, 4.5, 1], [0.5, 4.5, 1], [2.5, 2.5, 1]])
    faces = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    total = np.zeros((5, 5), int)
    for face in faces:
        total += rasterise(vertices, face[None], 5, 5, engine=engine).mask  # type: ignore[arg-type]
    np.testing.assert_array_equal(total[:4, :4], 1)  # the top and left rims belong to it, the others do not
    assert total[4].sum() == total[:, 4].sum() == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.booleans(), st.booleans())
def test_the_compiled_form_equals_its_fallback_everywhere(seed: int, perspective: bool, cull: bool) -> None:
    rng = np.random.default_rng(seed)
    # On a coarse grid, so that edges run through centres and corners coincide.
    vertices = np.column_stack([rng.integers(-4, 20, (30, 2)) / 2, rng.integers(1, 4, 30)]).astype(float)
    faces = rng.integers(0, 30, (40, 3))
    results = [
        rasterise(vertices, faces, 8, 9, perspective=perspective, cull=cull, engine=engine)  # type: ignore[arg-type]
        for engine in ("compiled", "numpy")
    ]
    assert_equal(*results)


def test_a_body_equals_its_fallback_everywhere(free: BodyModel) -> None:
    screen = on_screen(posed(free, 0), 224)
    for perspective in (False, True):
        moved = screen + np.array([0, 0, 500.0])
        results = [
            rasterise(moved, free.faces, 224, 224, perspective=perspective, engine=engine)  # type: ignore[arg-type]
            for engine in ("compiled", "numpy")
        ]
        assert_equal(*results)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_sees_what_a_ray_caster_sees(free: BodyModel, seed: int) -> None:
    size = 112
    screen = on_screen(posed(free, seed), size)
    raster = rasterise(screen, free.faces, size, size)
    mesh = trimesh.Trimesh(screen, free.faces, process=False)
    rows, columns = np.mgrid[:size, :size].reshape(2, -1)
    origins = np.stack([columns + 0.5, rows + 0.5, np.full(size**2, screen[:, 2].min() - 10)], 1)
    rays = trimesh.ray.ray_pyembree.RayMeshIntersector(mesh, scale_to_box=False)
    hit = rays.intersects_first(origins, np.tile([0.0, 0, 1], (size**2, 1)))
    assert (hit.reshape(size, size) == raster.face).mean() >= 0.999


def test_the_order_of_the_triangles_does_not_matter(lo: BodyModel) -> None:
    screen = on_screen(posed(lo, 3), 96)
    order = np.random.default_rng(0).permutation(len(lo.faces))
    first, second = rasterise(screen, lo.faces, 96, 96), rasterise(screen, lo.faces[order], 96, 96)
    np.testing.assert_array_equal(first.depth, second.depth)
    np.testing.assert_array_equal(first.mask, second.mask)


def test_of_equal_depths_the_lowest_face_wins() -> None:
    vertices = np.array([[0.0, 0, 1], [4, 0, 1], [0, 4, 1]])
    for engine in ("compiled", "numpy"):
        raster = rasterise(vertices, np.array([[0, 1, 2], [0, 1, 2]]), 4, 4, engine=engine)  # type: ignore[arg-type]
        assert raster.face.max() == 0


def test_a_batch_is_its_parts(lo: BodyModel) -> None:
    screens = np.stack([on_screen(posed(lo, seed), 64) for seed in (0, 1)])
    batch = rasterise(screens, lo.faces, 64, 64)
    for number in (0, 1):
        single = rasterise(screens[number], lo.faces, 64, 64)
        np.testing.assert_array_equal(batch.face[number], single.face)
        np.testing.assert_array_equal(batch.depth[number], single.depth)


def test_perspective_interpolates_in_space() -> None:
    # A square from depth 1 to depth 3, seen by a pinhole camera: the point in the middle of the picture is where the
    # ray meets the plane, not the middle of the square.
    corners = np.array([[-1.0, -1, 1], [1, -1, 1], [3, 3, 3], [-3, 3, 3]])
    raster = rasterise_pinhole(corners, np.array([[0, 1, 2], [0, 2, 3]]), 9, 9, focal=4.0)
    points = np.einsum("hwk,hwkc->hwc", raster.barycentrics, corners[np.array([[0, 1, 2], [0, 2, 3]])[raster.face]])
    seen = raster.mask
    rows, columns = np.nonzero(seen)
    rays = np.stack([(columns + 0.5 - 4.5) / 4, (rows + 0.5 - 4.5) / 4, np.ones(len(rows))], 1)
    np.testing.assert_allclose(points[seen] / points[seen][:, 2:], rays, atol=1e-5)
    np.testing.assert_allclose(raster.depth[seen], points[seen][:, 2], rtol=1e-5)
    assert raster.depth[4, 4] == pytest.approx(1.5, rel=0.01)  # not 2


def test_what_lies_before_the_near_plane_is_cut_away() -> None:
    # A floor that runs from behind the camera to far before it.
    floor = np.array([[-5.0, 1, -5], [5, 1, -5], [5, 1, 20], [-5, 1, 20]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    for engine in ("compiled", "numpy"):
        raster = rasterise_pinhole(floor, faces, 40, 40, focal=20.0, near=0.5, engine=engine)  # type: ignore[arg-type]
        rows = np.nonzero(raster.mask[:, 20])[0]
        assert rows.min() > 20
        assert rows.max() == 39
        # The lowest row looks down at (39.5 - 20) / 20 and meets the floor, one metre below, at 20 / 19.5 m.
        np.testing.assert_allclose(raster.depth[39, 20], 20 / 19.5, rtol=1e-5)
        weights = raster.barycentrics[39, 20]
        np.testing.assert_allclose(weights @ floor[faces[raster.face[39, 20]]][:, 2], 20 / 19.5, rtol=1e-4)


def test_nothing_on_the_screen_gives_an_empty_picture() -> None:
    far = np.array([[100.0, 100, 1], [104, 100, 1], [100, 104, 1]])
    assert not rasterise(far, np.array([[0, 1, 2]]), 8, 8).mask.any()
    assert not rasterise(far * np.nan, np.array([[0, 1, 2]]), 8, 8).mask.any()
    assert not rasterise_pinhole(far * -1, np.array([[0, 1, 2]]), 8, 8, focal=5.0).mask.any()


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf, 1e300])
def test_a_broken_vertex_spoils_its_own_faces_only(engine: str, broken: float) -> None:
    vertices = np.array([[0.0, 0, 1], [4, 0, 1], [0, 4, 1], [broken, 1, 1], [1, broken, 1], [1, 1, np.nan]])
    faces = np.array([[0, 1, 3], [0, 1, 2], [1, 2, 4], [0, 1, 5]])
    raster = rasterise(vertices, faces, 4, 4, engine=engine)  # type: ignore[arg-type]
    alone = rasterise(vertices, faces[1:2], 4, 4)
    if np.isfinite(broken):  # a face that reaches very far is a face
        assert (raster.mask | ~alone.mask).all()
    else:
        np.testing.assert_array_equal(raster.mask, alone.mask)
        assert set(raster.face.ravel()) == {-1, 1}


def test_a_face_of_many_pixels_is_drawn_whole() -> None:
    vertices = np.array([[-1.0, -1, 1], [700, -1, 1], [-1, 700, 1]])
    results = [rasterise(vertices, np.array([[0, 1, 2]]), 120, 130, engine=engine) for engine in ("compiled", "numpy")]  # type: ignore[arg-type]
    assert results[0].mask.all()
    assert_equal(*results)


def test_culling_leaves_one_side() -> None:
    vertices, face = np.array([[0.0, 0, 1], [4, 0, 1], [0, 4, 1]]), np.array([[0, 1, 2]])
    assert rasterise(vertices, face, 4, 4, cull=True).mask.any()
    assert not rasterise(vertices, face[:, ::-1], 4, 4, cull=True).mask.any()
