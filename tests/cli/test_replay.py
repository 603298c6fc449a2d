"""hypernas replay: a step that went wrong, taken again."""

TRAIN = ["train", "space=mlp", "training.steps=20", "device=cpu", "hydra.run.dir=run"]


def test_a_run_that_diverged_is_replayed(run):
    status, _, told = run(*TRAIN, "optimizer=sgd", "optimizer.lr=1e30")
    assert status == 2
    assert "diverged in step" in told
    status, told, _ = run("replay", "run=run", "device=cpu")
    assert status == 0
    assert "taken again (the same losses)" in told
    assert "first not finite: weights of layers.0" in told


def test_a_run_without_trouble_says_so(run):
    run(*TRAIN)
    status, _, told = run("replay", "run=run", "step=3", "device=cpu")
    assert status == 2
    assert "keeps no trouble of step 3" in told


def test_steps_that_were_left_out_are_told(run):
    skip = ["callbacks=[default,skip]", "callbacks.skip.most=2"]
    status, _, told = run(*TRAIN, *skip, "optimizer=sgd", "optimizer.lr=1e30")
    assert status == 2
    assert "left out, the 2. so far" in told
