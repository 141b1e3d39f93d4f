"""What a task says about itself wins over what its deployment says about every task."""

import pytest

from flytekit_sagemaker.testing import builders as make

OWN = {
    "region": "eu-west-1",
    "role_arn": "arn:aws:iam::210987654321:role/Own",
    "output_path": "s3://own/output",
    "volume_kms_key_id": "own-volume",
    "output_kms_key_id": "own-output",
}


@pytest.mark.parametrize("name", OWN)
def test_the_job_s_own_value_wins(name: str) -> None:
    deployment = make.deployment(volume_kms_key_id="theirs", output_kms_key_id="theirs")
    assert getattr(deployment.for_job(make.training_job_config()), name) == getattr(deployment, name)
    assert getattr(deployment.for_job(make.training_job_config(**{name: OWN[name]})), name) == OWN[name]


def test_a_job_s_own_vpc_replaces_the_deployment_s_as_a_whole() -> None:
    deployment = make.deployment(subnets=("subnet-a", "subnet-b"), security_group_ids=("sg-a",))
    place = deployment.for_job(make.training_job_config(subnets=("subnet-own",), security_group_ids=("sg-own",)))
    assert (place.subnets, place.security_group_ids) == (("subnet-own",), ("sg-own",))
    assert deployment.for_job(make.training_job_config()).subnets == ("subnet-a", "subnet-b")


def test_tags_of_both_are_kept() -> None:
    place = make.deployment(tags={"team": "all", "env": "dev"}).for_job(make.training_job_config(tags={"team": "own"}))
    assert place.tags == {"team": "own", "env": "dev"}
