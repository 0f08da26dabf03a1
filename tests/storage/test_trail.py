from skdeepopt.storage._trail import Trail


def test_a_trail_reads_as_the_python_that_leads_there():
    trail = Trail("Pipeline").attribute("steps").item(0).item(1).attribute("mean_")

    assert str(trail) == "Pipeline.steps[0][1].mean_"


def test_a_tensor_is_named_without_root_and_calls():
    trail = Trail("Net").attribute("_fitted_state()").item("module").item("conv.weight")

    assert trail.plain_name() == "module.conv.weight"


def test_a_long_trail_is_shown_in_part():
    trail = Trail("List")
    for _ in range(1000):
        trail = trail.item(0)

    assert str(trail).endswith("...")
    assert len(str(trail)) < 200
