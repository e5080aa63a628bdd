"""Wrong input to `nassay search --task ...`: exit code 2, one message that says what to do, nothing left behind."""

import numpy as np
from PIL import Image


def test_an_unknown_task_is_told_the_nearest(refused):
    assert "Did you mean detection" in refused("digits", "--task", "detecton")


def test_photos_without_boxes(refused, tmp_path):
    for kind in ("cats", "dogs"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "photos" / kind / "0.png")
    message = refused("photos", "--task", "detection")
    assert "photos has no boxes that are known" in message
    assert "COCO" in message


def test_an_unknown_class_number_in_all_boxes(refused, tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / "shop" / kind).mkdir(parents=True)
    for i in range(4):
        Image.new("RGB", (16, 16)).save(tmp_path / "shop" / "images" / f"{i}.png")
        (tmp_path / "shop" / "labels" / f"{i}.txt").write_text("7 0.5 0.5 0.2 0.2\n")
    (tmp_path / "shop" / "classes.txt").write_text("apple\n")
    assert "number 7" in refused("shop", "--task", "detection")


def test_images_without_depth(refused, tmp_path):
    np.savez(tmp_path / "frames.npz", rgb=np.zeros((20, 8, 8, 3), np.uint8))
    message = refused("frames.npz", "--task", "depth")
    assert "frames.npz has no images with depth under known names: found rgb" in message


def test_depth_of_another_number_of_frames(refused, tmp_path):
    np.savez(tmp_path / "frames.npz", rgb=np.zeros((20, 8, 8, 3), np.uint8), depth_m=np.ones((19, 8, 8)))
    message = refused("frames.npz", "--task", "depth")
    assert "20" in message
    assert "19" in message


def test_too_few_classes_to_hold_some_back(refused, tmp_path):
    np.savez(tmp_path / "images.npz", x=np.zeros((30, 8, 8), np.uint8), y=np.arange(30) % 3)
    message = refused("images.npz", "--task", "retrieval")
    assert "classes that training has not seen" in message
    assert "Add classes" in message


def test_a_data_set_of_another_task(refused):
    assert "no file or folder composites" in refused("composites", "--task", "classification")
