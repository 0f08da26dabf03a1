import pytest
from torch import nn

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._supplied import Supplied, qualified_name


class MyNet(nn.Module):
    pass


class SizedNet(nn.Module):
    def __init__(self, n_hidden):
        super().__init__()


def factory():
    return MyNet()


NAME = f"{__name__}.MyNet"


@pytest.mark.parametrize(
    "modules", [[MyNet], (MyNet,), {"MyNet": MyNet}, {NAME: MyNet}, {"elsewhere.MyNet": MyNet}]
)
def test_a_class_is_found_in_full_or_by_its_last_name(modules):
    assert Supplied(modules).find(NAME, "Net.module") is MyNet


def test_a_function_is_found():
    assert Supplied([factory]).find(qualified_name(factory), "Net.module") is factory


def test_the_full_name_wins_over_the_last():
    modules = {NAME: MyNet, "other.MyNet": SizedNet}

    assert Supplied(modules).find(NAME, "Net.module") is MyNet


def test_two_that_fit_are_refused():
    modules = {"a.MyNet": MyNet, "b.MyNet": SizedNet}

    with pytest.raises(ModelFileError, match=r"a\.MyNet and b\.MyNet both fit"):
        Supplied(modules).find("c.MyNet", "Net.module")


def test_what_is_missing_is_told_with_how_to_pass_it():
    with pytest.raises(
        ModelFileError, match=r"load\(path, modules=\[MyNet\]\) after 'from nets import MyNet'"
    ):
        Supplied(None).find("nets.MyNet", "NeuralClassifier.module")


def test_an_instance_is_given_as_it_is():
    instance = SizedNet(3)

    assert Supplied([instance]).find_instance(qualified_name(SizedNet), "Net") is instance


def test_a_class_without_arguments_stands_for_its_instance():
    assert isinstance(Supplied([MyNet]).find_instance(NAME, "Net"), MyNet)


def test_a_class_with_arguments_does_not_stand_for_its_instance():
    with pytest.raises(ModelFileError, match="Pass one: load"):
        Supplied([SizedNet]).find_instance(qualified_name(SizedNet), "Net")


@pytest.mark.parametrize("modules", ["MyNet", 3, MyNet, [3], ["MyNet"], {3: MyNet}, [lambda: 0]])
def test_other_than_code_is_refused(modules):
    with pytest.raises(TypeError, match="load takes"):
        Supplied(modules)
